//! A compressed section, of which only the parts that are asked for are held in memory.
//!
//! Go's linker compresses `.debug_info`, which in large programs has hundreds of megabytes, as one zlib
//! stream. It must be inflated from its start to the place that is asked for, but need not be kept: from
//! time to time the state of inflating is, so that a place that was passed is reached again from near by.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{TINFL_FLAG_IGNORE_ADLER32, TINFL_FLAG_PARSE_ZLIB_HEADER};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use crate::Error;

/// Bytes that are inflated at once. A power of two, as the ring that they are inflated into must be.
const PAGE: usize = 1 << 18;

/// How far back a zlib stream refers (RFC 1950).
const WINDOW: usize = 1 << 15;

/// Pages that are kept: 4 MiB.
const KEPT: usize = 16;

/// States that are kept at most: each has about 42 KiB.
const CHECKPOINTS: usize = 128;

/// Pages between two states at least.
const SPACING: usize = 4;

/// A section's zlib stream, inflated page by page.
pub(crate) struct Paged {
    size: usize,
    spacing: usize,
    state: Mutex<State>,
}

struct State {
    /// Where inflating goes on; `None` where it failed.
    now: Option<Position>,
    /// Where it can go on too: at every `spacing` pages, from the start.
    checkpoints: Vec<Position>,
    /// Pages that were asked for, the last one first.
    pages: VecDeque<(usize, Arc<[u8]>)>,
}

/// The state of inflating at the start of a page.
#[derive(Clone)]
struct Position {
    page: usize,
    /// Bytes of the stream that are read.
    read: usize,
    decoder: Box<DecompressorOxide>,
    /// The last bytes before the page.
    window: Box<[u8; WINDOW]>,
}

impl Paged {
    /// A stream that claims to be `size` bytes long when it is inflated.
    pub(crate) fn new(size: usize) -> Paged {
        let start = Position { page: 0, read: 0, decoder: Box::default(), window: Box::new([0; WINDOW]) };
        let state = State { now: None, checkpoints: vec![start], pages: VecDeque::new() };
        Paged { size, spacing: SPACING.max(size / PAGE / CHECKPOINTS), state: Mutex::new(state) }
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Up to `len` bytes from `offset` on: fewer only where the section ends. `stream` is the whole stream.
    pub(crate) fn read(&self, stream: &[u8], offset: usize, len: usize) -> Result<Vec<u8>, Error> {
        let end = offset.saturating_add(len).min(self.size);
        let mut bytes = Vec::with_capacity(end.saturating_sub(offset));
        while offset + bytes.len() < end {
            let at = offset + bytes.len();
            let page = self.page(stream, at / PAGE)?;
            let part = page.get(at % PAGE..).unwrap_or_default();
            let part = part.get(..part.len().min(end - at)).unwrap_or_default();
            if part.is_empty() {
                return Err(Error::damaged("a compressed section ends early"));
            }
            bytes.extend_from_slice(part);
        }
        Ok(bytes)
    }

    fn page(&self, stream: &[u8], index: usize) -> Result<Arc<[u8]>, Error> {
        let mut state = self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let state = &mut *state;
        if let Some(known) = state.pages.iter().position(|(page, _)| *page == index) {
            let found = state.pages.remove(known).unwrap_or_default();
            state.pages.push_front(found.clone());
            return Ok(found.1);
        }
        let nearest = state.checkpoints.get(index / self.spacing).or(state.checkpoints.last());
        let further = state.now.take().filter(|now| now.page <= index && nearest.is_none_or(|it| it.page <= now.page));
        let Some(mut now) = further.or_else(|| nearest.cloned()) else {
            return Err(Error::damaged("a compressed section cannot be inflated"));
        };
        let mut ring = vec![0; PAGE];
        if let Some(end) = ring.last_chunk_mut::<WINDOW>() {
            *end = *now.window;
        }
        while now.page <= index {
            let expected = self.size.saturating_sub(now.page * PAGE).min(PAGE);
            now.inflate(stream, &mut ring, expected)?;
            if state.checkpoints.len() * self.spacing == now.page {
                state.checkpoints.push(now.clone());
            }
        }
        state.now = Some(now);
        let expected = self.size.saturating_sub(index * PAGE).min(PAGE);
        let page: Arc<[u8]> = ring.get(..expected).unwrap_or_default().into();
        state.pages.push_front((index, page.clone()));
        state.pages.truncate(KEPT);
        Ok(page)
    }
}

impl Position {
    /// Inflates one page into the ring, which ends with the bytes before it.
    fn inflate(&mut self, stream: &[u8], ring: &mut [u8], expected: usize) -> Result<(), Error> {
        let rest = stream.get(self.read..).unwrap_or_default();
        let flags = TINFL_FLAG_PARSE_ZLIB_HEADER | TINFL_FLAG_IGNORE_ADLER32;
        let (status, read, written) = decompress(&mut self.decoder, rest, ring, 0, flags);
        if !matches!(status, TINFLStatus::Done | TINFLStatus::HasMoreOutput) || written != expected {
            return Err(Error::damaged("a compressed section cannot be inflated"));
        }
        self.read += read;
        self.page += 1;
        if let Some(end) = ring.last_chunk::<WINDOW>() {
            *self.window = *end;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use miniz_oxide::deflate::compress_to_vec_zlib;

    use super::*;

    /// Bytes that repeat themselves here and there, as debug information does.
    fn bytes(len: usize) -> Vec<u8> {
        let mut state = 7u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 24
        };
        (0..len).map(|index| if index % 50 < 40 { (index / 64) as u8 } else { next() as u8 }).collect()
    }

    #[test]
    fn every_part_is_what_was_compressed_in_whatever_order_it_is_read() {
        let whole = bytes(24 * PAGE + 4321);
        let stream = compress_to_vec_zlib(&whole, 6);
        let paged = Paged::new(whole.len());
        for step in 0..120 {
            let at = (step * 7_654_321) % whole.len();
            let len = (step * 977) % (2 * PAGE);
            let expected = &whole[at..(at + len).min(whole.len())];
            assert!(paged.read(&stream, at, len).unwrap() == expected, "{len} bytes at {at}");
        }
        assert!(paged.state.lock().unwrap().pages.len() <= KEPT);
        assert_eq!(paged.read(&stream, whole.len(), 10).unwrap(), []);
        assert_eq!(paged.read(&stream, usize::MAX, 10).unwrap(), []);
    }

    #[test]
    fn a_stream_that_is_not_what_it_claims_to_be_is_an_error() {
        let whole = bytes(3 * PAGE);
        let stream = compress_to_vec_zlib(&whole, 6);
        // Too short a claim, too long a claim, and a stream cut off.
        assert!(Paged::new(2 * PAGE + 5).read(&stream, 2 * PAGE, 5).is_err());
        assert!(Paged::new(1 << 40).read(&stream, 3 * PAGE, 5).is_err());
        let cut = &stream[..stream.len() / 2];
        let paged = Paged::new(whole.len());
        assert!(paged.read(cut, 2 * PAGE, 5).is_err());
        assert_eq!(paged.read(cut, 100, 5).unwrap(), whole[100..105], "what is before the cut can still be read");
        assert!(Paged::new(whole.len()).read(b"not zlib at all", 0, 5).is_err());
    }
}

//! The buffer into which the kernel writes what happens on one processor.

use std::io;
use std::mem::offset_of;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering, fence};

use memmap2::{MmapOptions, MmapRaw};
use nix::errno::Errno;
use perf_event::Counter;
use perf_event_open_sys::bindings::{PERF_RECORD_SAMPLE, perf_event_header, perf_event_mmap_page};
use perf_event_open_sys::ioctls;

use super::sample::{TIME, TIME_ONLY};

/// Bytes in a word of a record: all are of words.
const WORD: u64 = 8;

/// A buffer. It is read in place: what has been read is given back to the kernel with [`Ring::release`].
#[derive(Debug)]
pub(super) struct Ring {
    owner: Counter,
    mapping: Mapping,
    /// Behind the last byte that the kernel is known to have written, and before the first that is not read yet: both
    /// count on for ever.
    head: u64,
    tail: u64,
    /// The tail that the kernel knows: it writes no further than one size behind it.
    released: u64,
    /// The most bytes that a record can have.
    largest: u64,
}

/// A buffer that nobody reads: the kernel writes over what is in it.
#[derive(Debug)]
pub(super) struct Bin {
    owner: Counter,
    _mapping: MmapRaw,
}

/// More than the largest record, in bytes, and a power of two.
const BIN: usize = 128 << 10;

impl Bin {
    /// Makes one for an event of our own.
    pub(super) fn new(owner: Counter) -> io::Result<Self> {
        // Where we may not write, the kernel doesn't wait for us to have read.
        let mapping = MmapOptions::new().len(page_size() + BIN).map_raw_read_only(&owner)?;
        Ok(Bin { owner, _mapping: mapping })
    }

    /// Has another event on the same processor write into it.
    pub(super) fn take_from(&self, event: &Counter) -> io::Result<()> {
        redirect(event, &self.owner)
    }
}

/// Has an event write into the buffer of another on the same processor.
fn redirect(event: &Counter, owner: &Counter) -> io::Result<()> {
    // SAFETY: both files are events.
    #[allow(unsafe_code)]
    let done = unsafe { ioctls::SET_OUTPUT(event.as_raw_fd(), owner.as_raw_fd()) };
    Ok(Errno::result(done).map(drop)?)
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Next {
    /// Its kind (`enum perf_event_type`).
    pub(super) kind: u32,
    /// The words behind its header: thread, time and address, where it is a sample.
    pub(super) ids: u64,
    pub(super) time: u64,
    pub(super) address: u64,
    /// How many words it has, with its header.
    pub(super) words: u64,
}

impl Ring {
    /// Makes a buffer of so many pages, a power of two, for an event of our own whose records have up to `largest`
    /// words.
    pub(super) fn new(owner: Counter, pages: usize, largest: usize) -> io::Result<Self> {
        let mapping = Mapping::new(&owner, pages)?;
        Ok(Ring { owner, mapping, head: 0, tail: 0, released: 0, largest: largest as u64 * WORD })
    }

    /// Has another event on the same processor write into it too.
    pub(super) fn take_from(&self, event: &Counter) -> io::Result<()> {
        redirect(event, &self.owner)
    }

    /// The file that becomes readable as the buffer fills.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        fd(&self.owner)
    }

    /// Learns how far the kernel has written. Returns whether it may have found no room for a record.
    pub(super) fn refresh(&mut self) -> bool {
        self.head = self.mapping.head().load(Ordering::Acquire);
        self.was_full(self.head)
    }

    /// Gives back what has been read. Returns whether the kernel may have found no room for a record until then.
    pub(super) fn release(&mut self) -> bool {
        self.mapping.tail().store(self.tail, Ordering::Release);
        // Only what is written after this can have been written in the room that it makes.
        fence(Ordering::SeqCst);
        let was_full = self.was_full(self.mapping.head().load(Ordering::Acquire));
        self.released = self.tail;
        was_full
    }

    /// How much has been read and is not given back yet, of its whole size.
    pub(super) fn is_much_unreleased(&self) -> bool {
        self.tail - self.released > self.mapping.size() / 8
    }

    fn was_full(&self, head: u64) -> bool {
        head.wrapping_sub(self.released) > self.mapping.size().saturating_sub(self.largest)
    }

    /// What comes next, if anything is known to have come.
    pub(super) fn peek(&self) -> Option<Next> {
        self.at(self.tail)
    }

    /// Whether anything is known to have come behind what comes next.
    pub(super) fn has_behind(&self, next: Next) -> bool {
        self.at(self.tail + next.words * WORD).is_some()
    }

    fn at(&self, position: u64) -> Option<Next> {
        if position >= self.head {
            return None;
        }
        let header = self.mapping.word(position);
        // struct perf_event_header: type, misc and size, of 4, 2 and 2 bytes.
        const _: () = assert!(size_of::<perf_event_header>() == WORD as usize);
        let (kind, words) = (header as u32, (header >> 48) / WORD);
        // The kernel writes no record without a header; one would be read for ever.
        let words = words.clamp(1, (self.head - position) / WORD);
        let word = |number| self.mapping.word(position + number * WORD);
        Some(Next { kind, ids: word(TIME - 1), time: word(TIME), address: word(TIME + 1), words })
    }

    /// Takes what comes next if it is no more than a time, noted in the same trap as the sample before it.
    pub(super) fn pop_time(&mut self, of: Next) -> Option<u64> {
        let is_it = |next: &Next| {
            (next.kind, next.words) == (PERF_RECORD_SAMPLE, TIME_ONLY)
                && (next.ids, next.address) == (of.ids, of.address)
        };
        let next = self.peek().filter(is_it)?;
        self.tail += next.words * WORD;
        Some(next.time)
    }

    /// Reads what comes next into `record`, without its header.
    pub(super) fn pop(&mut self, next: Next, record: &mut Vec<u64>) {
        record.clear();
        record.extend((1..next.words).map(|number| self.mapping.word(self.tail + number * WORD)));
        self.tail += next.words * WORD;
    }
}

/// The kernel's pages: one that says how far it has written, then the buffer.
#[derive(Debug)]
struct Mapping {
    pages: MmapRaw,
    /// Where the buffer begins in them, and one less than its size, which is a power of two.
    data: usize,
    mask: u64,
}

impl Mapping {
    fn new(owner: &Counter, pages: usize) -> io::Result<Self> {
        let page = page_size();
        let mapped = MmapOptions::new().len((1 + pages) * page).map_raw(owner)?;
        Ok(Mapping { pages: mapped, data: page, mask: (pages * page) as u64 - 1 })
    }

    fn size(&self) -> u64 {
        self.mask + 1
    }

    /// A word of the buffer, by how many bytes the kernel had written before it.
    fn word(&self, position: u64) -> u64 {
        // The mask keeps it inside, and words begin at multiples of their size.
        let offset = self.data + (position & self.mask & !(WORD - 1)) as usize;
        // SAFETY: the offset lies in the mapping, and is aligned. The kernel writes here only as far as it was told
        // that we have read; and if it did otherwise, a word is a word.
        #[allow(unsafe_code)]
        unsafe {
            self.pages.as_ptr().add(offset).cast::<u64>().read_volatile()
        }
    }

    fn head(&self) -> &AtomicU64 {
        self.counter(offset_of!(perf_event_mmap_page, data_head))
    }

    fn tail(&self) -> &AtomicU64 {
        self.counter(offset_of!(perf_event_mmap_page, data_tail))
    }

    fn counter(&self, offset: usize) -> &AtomicU64 {
        // SAFETY: both counters lie aligned in the first page, which is mapped as long as this is; the kernel and we
        // change them only as a whole.
        #[allow(unsafe_code)]
        unsafe {
            AtomicU64::from_ptr(self.pages.as_mut_ptr().add(offset).cast())
        }
    }
}

/// The file of an event.
pub(super) fn fd(event: &Counter) -> BorrowedFd<'_> {
    // SAFETY: the event owns its file, and lives as long as this.
    #[allow(unsafe_code)]
    unsafe {
        BorrowedFd::borrow_raw(event.as_raw_fd())
    }
}

/// The size of a page of memory.
pub(super) fn page_size() -> usize {
    let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten();
    size.and_then(|size| usize::try_from(size).ok()).unwrap_or(4096)
}

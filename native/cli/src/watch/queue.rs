//! Stdout, written by a thread of its own: whoever reads it may be slow (`| less`), and no process should stand
//! still for that.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The most that waits to be read.
const MOST: usize = 64 << 20;

/// How long what comes is gathered: to be woken for each line would take time from what is watched.
const GATHER: Duration = Duration::from_millis(5);

/// What waits to be written.
#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// Nothing more will come.
    is_over: bool,
    /// Why nothing can be written any more.
    failed: Option<io::ErrorKind>,
}

type Shared = Arc<(Mutex<Waiting>, Condvar)>;

/// Stdout, written later. What is written with one call is written as a whole, or left out where too much waits.
#[derive(Debug)]
pub(crate) struct Queue {
    shared: Shared,
    writer: Option<JoinHandle<io::Result<()>>>,
    left_out: u64,
    most: usize,
}

impl Queue {
    pub(crate) fn new() -> io::Result<Self> {
        Queue::to(io::stdout(), MOST)
    }

    /// A queue for something else than stdout, in which no more than `most` bytes wait.
    fn to(mut out: impl Write + Send + 'static, most: usize) -> io::Result<Self> {
        let shared = Shared::default();
        let theirs = Arc::clone(&shared);
        let writer = thread::Builder::new().name("output".to_owned()).spawn(move || write(&theirs, &mut out))?;
        Ok(Queue { shared, writer: Some(writer), left_out: 0, most })
    }

    /// How often something was left out.
    pub(crate) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Writes later, or not at all where too much waits.
    pub(crate) fn write(&mut self, text: &str) -> io::Result<()> {
        let most = self.most;
        let is_taken = self.with(|waiting| waiting.take(text, most))?;
        self.left_out += u64::from(!is_taken);
        Ok(())
    }

    /// Writes later, however much waits: for what must not be missing.
    pub(crate) fn write_surely(&mut self, text: &str) -> io::Result<()> {
        self.with(|waiting| waiting.take(text, usize::MAX)).map(drop)
    }

    /// Waits until all is written.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.with(|waiting| waiting.is_over = true);
        match self.writer.take() {
            Some(writer) => writer.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into())),
            None => Ok(()),
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut Waiting) -> T) -> T {
        let (waiting, changed) = &*self.shared;
        let mut guard = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = guard.bytes.is_empty();
        let result = change(&mut guard);
        drop(guard);
        if is_first {
            changed.notify_one();
        }
        result
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // Whoever had to know has asked before.
        let _ = self.finish();
    }
}

impl Waiting {
    /// Takes a text, unless that would be more than `most` bytes; returns whether it did.
    fn take(&mut self, text: &str, most: usize) -> io::Result<bool> {
        if let Some(kind) = self.failed {
            return Err(kind.into());
        }
        let is_taken = self.bytes.len().saturating_add(text.len()) <= most;
        if is_taken {
            self.bytes.extend_from_slice(text.as_bytes());
        }
        Ok(is_taken)
    }
}

fn write((waiting, changed): &(Mutex<Waiting>, Condvar), out: &mut impl Write) -> io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let mut guard = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while guard.bytes.is_empty() && !guard.is_over {
            guard = changed.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        if !guard.is_over {
            drop(guard);
            thread::sleep(GATHER);
            guard = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(&mut guard.bytes, &mut bytes);
        drop(guard);
        if bytes.is_empty() {
            return Ok(());
        }
        let written = out.write_all(&bytes).and_then(|()| out.flush());
        if let Err(error) = written {
            waiting.lock().unwrap_or_else(PoisonError::into_inner).failed = Some(error.kind());
            return Err(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{SyncSender, sync_channel};

    use super::*;

    /// Gives each text on, and waits until it is taken.
    struct Slow(SyncSender<Vec<u8>>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(|_| io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_too_much_is_left_out_and_counted_but_not_what_must_be_there() {
        let (slow, reader) = sync_channel(0);
        let mut queue = Queue::to(Slow(slow), 10).unwrap();
        let mut tried = 0;
        while queue.left_out() == 0 {
            queue.write("12345\n").unwrap();
            tried += 1;
        }
        queue.write_surely("surely\n").unwrap();
        let read = thread::spawn(move || reader.iter().flatten().collect::<Vec<u8>>());
        queue.finish().unwrap();
        assert_eq!(queue.left_out(), 1);
        drop(queue);
        let read = String::from_utf8(read.join().unwrap()).unwrap();
        assert_eq!(read, format!("{}surely\n", "12345\n".repeat(tried - 1)));
    }

    #[test]
    fn whoever_has_gone_away_is_an_error() {
        let (slow, reader) = sync_channel(0);
        drop(reader);
        let mut queue = Queue::to(Slow(slow), 10).unwrap();
        let broken = std::iter::repeat_with(|| queue.write_surely("text\n")).find_map(Result::err).unwrap();
        assert_eq!(broken.kind(), io::ErrorKind::BrokenPipe);
    }
}

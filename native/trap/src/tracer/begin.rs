//! The tracing begins: with a process that runs, or with a program that we start.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::thread;

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::SigSet;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{Pid, getpid, gettid};

use super::{Event, State, Tracer};
use crate::Error;
use crate::access::field;
use crate::thread::{is_dead, refused, threads_of, tracer_of};

/// What we want to be told: of new threads, and of another program. Forked processes stay untraced.
const OPTIONS: Options = Options::PTRACE_O_TRACECLONE.union(Options::PTRACE_O_TRACEEXEC);

impl Tracer {
    /// Traces a process that runs. None of its threads is stopped for that.
    ///
    /// # Errors
    /// There is no such process, it is traced already, or the system does not allow it. It runs on then.
    pub fn attach(pid: i32) -> Result<Self, Error> {
        // The number of any thread will do.
        let leader = field(&format!("/proc/{pid}/status"), "Tgid").and_then(|text| text.parse().ok());
        let mut tracer = Tracer::new(leader.ok_or(Error::Ended { pid })?)?;
        // A thread that is not ours yet may make others. Once all are ours, they come by themselves.
        while tracer.take_new()? {}
        if tracer.threads.is_empty() { Err(Error::Ended { pid }) } else { Ok(tracer) }
    }

    /// Takes every thread that is not ours yet; false if there was none.
    fn take_new(&mut self) -> Result<bool, Error> {
        let pid = self.pid;
        let mut any = false;
        for tid in threads_of(pid).map_err(|_| Error::Ended { pid })? {
            if self.threads.contains_key(&tid) {
                continue;
            }
            let state = match ptrace::seize(Pid::from_raw(tid), OPTIONS) {
                Ok(()) => State::Runs,
                // It has ended since it was listed; one that is dead and not yet buried cannot be traced either.
                Err(Errno::ESRCH) => continue,
                Err(Errno::EPERM) if is_dead(pid, tid) => continue,
                // It was born to one that is ours.
                Err(Errno::EPERM) if tracer_of(pid, tid) == Some(gettid().as_raw()) => {
                    State::Unborn { is_announced: false }
                }
                Err(errno) => return Err(refused(pid, tid, errno)),
            };
            self.threads.insert(tid, state);
            any = true;
        }
        Ok(any)
    }

    /// Starts a program, traced from its first instruction: the first event is [`Event::Exec`]. It begins with these
    /// signals blocked, whatever this thread has blocked. What is piped is in the [`Child`]; its end comes as an event.
    ///
    /// # Errors
    /// It can't be started, or the system does not allow to trace it.
    pub fn spawn(mut command: Command, blocked: SigSet) -> Result<(Self, Child), Error> {
        let program = command.get_program().to_string_lossy().into_owned();
        let failed = |source| Error::Start { program: program.clone(), source };
        let (mut announced, announce) = io::pipe().map_err(failed)?;
        let (go_on, mut say_go) = io::pipe().map_err(failed)?;
        before_exec(&mut command, blocked, announce, go_on, &say_go);
        // Whoever starts a program waits until it executes, but to execute it must be seized first, by this thread.
        let starter = thread::spawn(move || command.spawn());
        let mut number = [0; size_of::<i32>()];
        let begun = match announced.read_exact(&mut number) {
            Ok(()) => Tracer::of_new(i32::from_ne_bytes(number)),
            Err(_) => Err(Error::Ended { pid: 0 }),
        };
        let begun = begun.map(|mut tracer| {
            let _ = say_go.write_all(&[1]);
            tracer.wait_for_exec();
            tracer
        });
        // Without a word of ours it ends.
        drop(say_go);
        let started = starter.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
        match (begun, started) {
            (Ok(tracer), Ok(child)) => Ok((tracer, child)),
            (Ok(mut tracer), Err(source)) => {
                tracer.ended(super::End::Unknown);
                Err(failed(source))
            }
            (Err(Error::Ended { .. }), Err(source)) => Err(failed(source)),
            (Err(error), _) => Err(error),
        }
    }

    /// A process that is about to execute its program.
    fn of_new(pid: i32) -> Result<Self, Error> {
        let mut tracer = Tracer::new(pid)?;
        ptrace::seize(Pid::from_raw(pid), OPTIONS).map_err(|errno| refused(pid, pid, errno))?;
        tracer.threads.insert(pid, State::Runs);
        Ok(tracer)
    }

    /// Waits until a process that is about to execute its program has done so, or has ended.
    fn wait_for_exec(&mut self) {
        let pid = Pid::from_raw(self.pid);
        // Only looks: of its end, whoever starts it is to know first.
        let look = WaitPidFlag::WEXITED | WaitPidFlag::WSTOPPED | WaitPidFlag::__WALL | WaitPidFlag::WNOWAIT;
        while self.due.is_empty() {
            match waitid(Id::Pid(pid), look) {
                Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) | Err(Errno::ECHILD) => return,
                Err(Errno::EINTR) => {}
                _ => self.take_next(None),
            }
            // Nobody waits for events yet.
            if let Some(Event::Signal { tid, signal }) = self.due.front().copied() {
                self.due.clear();
                self.resume(tid, signal);
            }
        }
    }
}

/// Lets a new process say its number and wait for our word before it executes its program.
fn before_exec(
    command: &mut Command,
    blocked: SigSet,
    mut announce: PipeWriter,
    mut go_on: PipeReader,
    say_go: &PipeWriter,
) {
    let say_go = say_go.as_raw_fd();
    let wait = move || {
        // With this it would wait for itself, should we be killed now.
        // SAFETY: nobody in the new process uses this number.
        #[allow(unsafe_code)]
        unsafe {
            libc::close(say_go);
        }
        announce.write_all(&getpid().as_raw().to_ne_bytes())?;
        go_on.read_exact(&mut [0])?;
        Ok(blocked.thread_set_mask()?)
    };
    // SAFETY: between fork and exec only system calls are made, and no memory is allocated.
    #[allow(unsafe_code)]
    unsafe {
        command.pre_exec(wait);
    }
}

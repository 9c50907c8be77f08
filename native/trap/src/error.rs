//! Why a process could not be stopped or traced.

/// Why a process could not be stopped or traced. It runs on as before.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such process, or it ended meanwhile.
    #[error("process {pid} has ended: start it again, or look at its core with --core")]
    Ended {
        /// Its number.
        pid: i32,
    },
    /// Another debugger or tracer has it.
    #[error("process {pid} is already traced by {tracer}: detach that first")]
    Traced {
        /// Its number.
        pid: i32,
        /// Who has it: `gdb (pid 42)`.
        tracer: String,
    },
    /// The system does not let us.
    #[error("the system does not allow to stop or trace process {pid}: {remedy}")]
    Denied {
        /// Its number.
        pid: i32,
        /// What to do about it.
        remedy: String,
    },
    /// A thread that the kernel does not stop: it waits for a device or a parent's vfork.
    #[error("thread {tid} of process {pid} did not stop within {seconds} s (it waits inside the kernel): try again")]
    Stuck {
        /// The process.
        pid: i32,
        /// The thread.
        tid: i32,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The system does not let us set breakpoints that the kernel owns.
    #[error("the system does not allow to set breakpoints (perf events): {remedy}")]
    NoPerf {
        /// What to do about it.
        remedy: String,
    },
    /// The processor has four debug registers a thread, and somebody uses them.
    #[error(
        "the processor's four debug registers are in use in process {pid}: end what else watches it (perf, a debugger)"
    )]
    NoSlot {
        /// The process.
        pid: i32,
    },
    /// The kernel or the machine has no such breakpoints.
    #[error(
        "this machine has no breakpoints that the kernel owns: {source}; it takes Linux 5.13 and the processor's debug registers, which some virtual machines lack"
    )]
    NoBreakpoints {
        /// What the system said.
        source: std::io::Error,
    },
    /// There is no memory for a recording.
    #[error("the system gives no memory for a recording: run with sudo, or raise kernel.perf_event_mlock_kb")]
    NoBuffer,
    /// Whatever else the system said.
    #[error("cannot {what} of process {pid}: {source}")]
    System {
        /// What failed.
        what: &'static str,
        /// The process.
        pid: i32,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program that could not be started.
    #[error("cannot start {program}: {source}")]
    Start {
        /// What was to be started.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
}

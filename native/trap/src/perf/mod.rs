//! Breakpoints that the kernel keeps for us as performance events. A thread that meets one traps into the kernel,
//! which counts it, notes what it sees, or sends a signal; the thread runs on by itself. When their owner ends, however
//! it ends, the kernel takes them away.
//!
//! Every processor has four for each thread. They are shared with debuggers.

mod arm;
mod noted;
mod recorder;
mod ring;
mod sample;
mod trial;

pub use arm::{Armed, breakpoints_of};
pub use recorder::{Record, Recorder, now};
pub use sample::{Hit, RegisterSet, Span, Take, amd64};
pub use trial::try_recording;

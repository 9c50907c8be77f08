//! Whether a machine can record at all.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU8, Ordering};

use super::{Record, Recorder, RegisterSet, Span, Take};
use crate::{At, Error};

/// Records a touch of our own. Returns whether it was recorded: some virtual machines and emulators have breakpoint
/// registers that do nothing.
///
/// # Errors
/// The system does not let us record.
pub fn try_recording() -> Result<bool, Error> {
    static BYTE: AtomicU8 = AtomicU8::new(0);
    let address = std::ptr::from_ref(&BYTE).addr() as u64;
    let take = Take { registers: RegisterSet::ALL_AMD64, stack: true, span: Span::Moment };
    let mut recorder = Recorder::new(std::process::id().cast_signed(), &[At::Byte(address)], take)?;
    BYTE.store(1, Ordering::SeqCst);
    let mut is_recorded = false;
    recorder.finish(&mut |record| {
        is_recorded |= matches!(record, Record::Hit(hit) if hit.address == address);
        ControlFlow::Continue(())
    });
    Ok(is_recorded)
}

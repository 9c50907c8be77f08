//! Ctrl-C: the first asks the command to end, the second ends it.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// What a shell gives for a process that SIGINT has ended: 128 and the signal's number.
const ENDED: i32 = 130;

/// Listens for Ctrl-C, SIGTERM and SIGHUP from now on.
pub(crate) fn listen() {
    listen_and(|| std::process::exit(ENDED));
}

/// The same for what must end in an orderly way, however often it is asked to.
pub(crate) fn listen_patiently() {
    listen_and(|| {});
}

fn listen_and(again: fn()) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Without a handler they end us at once, as they always have.
        let _ = ctrlc::set_handler(move || {
            if INTERRUPTED.swap(true, Ordering::Relaxed) {
                again();
            }
        });
    });
}

/// Whether the user wants an end.
pub(crate) fn happened() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

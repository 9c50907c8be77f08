//! What must be set up when a debugger loads the library.
//!
//! A debugger's process is not ours: nothing may be printed into it, and a panic must neither write to
//! its terminal nor end it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};

use tracing_subscriber::EnvFilter;

/// What the environment asks for, read once, when the library is loaded.
struct Wishes {
    /// `REDHANDED_LOG`: what to log, as in `debug` or `gotarget=trace`. Without it nothing is logged.
    log: Option<OsString>,
    /// `REDHANDED_LOG_FILE`: where to; `redhanded.log` in the current folder otherwise.
    file: Option<OsString>,
}

static WISHES: OnceLock<Wishes> = OnceLock::new();

/// Where the latest panic was, for the error that reports it.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

/// Runs when the debugger loads the library, before any Python: it only reads the environment and
/// takes the panic message off the terminal.
#[ctor::ctor(unsafe)]
fn on_load() {
    let _ = WISHES.set(Wishes { log: std::env::var_os("REDHANDED_LOG"), file: std::env::var_os("REDHANDED_LOG_FILE") });
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.location().is_some_and(|location| location.file().contains("native/")) {
            // Another Rust library in this process: its panics are its own.
            return before(panic);
        }
        if let Ok(mut latest) = PANIC.lock() {
            *latest = Some(panic.to_string().replace('\n', " "));
        }
    }));
}

/// The message of the latest panic.
pub(crate) fn latest_panic() -> String {
    PANIC.lock().ok().and_then(|mut latest| latest.take()).unwrap_or_else(|| "an unknown panic".to_owned())
}

/// Starts logging, if the environment asks for it: into a file, never to the debugger's terminal.
pub(crate) fn start_logging() {
    let Some(Wishes { log: Some(log), file }) = WISHES.get() else { return };
    let path = file.clone().map_or_else(|| PathBuf::from("redhanded.log"), PathBuf::from);
    let Ok(file) = std::fs::File::options().create(true).append(true).open(path) else { return };
    // A debugger may load other libraries that log in this way: whoever was first stays.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(log.to_string_lossy()))
        .with_writer(Mutex::new(file))
        .with_ansi(false)
        .try_init();
}

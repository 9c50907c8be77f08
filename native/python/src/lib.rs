//! The Python face of the core, for the plugins in gdb and lldb. No logic of its own: what it shows is
//! decided in the crates below, and what talks to a debugger is Python.
//!
//! Plain data goes in and out. The core never calls the debugger, except for memory and registers, by
//! the callables that it is given.
// PyO3's macros expand to unsafe code; none is written here.
#![allow(unsafe_code)]

mod guard;
mod map;
mod memory;
mod output;
mod program;
mod run;
mod session;
mod setup;
mod shown;
mod stakeout;
mod sync_map;
mod value;
mod watch;

use pyo3::prelude::*;

/// Redhanded's core.
#[pymodule]
fn redhanded_native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    setup::start_logging();
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("Error", module.py().get_type::<guard::Error>())?;
    module.add_class::<program::Program>()?;
    module.add_class::<session::Session>()?;
    module.add_class::<map::Map>()?;
    module.add_class::<sync_map::SyncMap>()?;
    module.add_class::<shown::Shown>()?;
    module.add_class::<stakeout::Fatal>()?;
    module.add_class::<stakeout::Users>()?;
    module.add_class::<watch::Watch>()?;
    module.add_class::<watch::Stop>()?;
    module.add_class::<watch::Dying>()?;
    module.add_class::<watch::Overlap>()?;
    Ok(())
}

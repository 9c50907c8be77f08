//! `--hold`: each thread is held for a moment inside its window, while the others run on and may walk in.
//!
//! The process is traced, and breakpoints stop whoever touches the flag byte or is about to end the process. What a
//! thread did is taken from its registers while it stands.

mod budget;
mod catch;
mod points;
mod rescue;
mod traps;

use std::time::Duration;

use clap::Args;
use command::Status;

use super::Watch;
use crate::error::Error;
use catch::Catch;
use points::Owner;

/// The longest hold in milliseconds: beyond it, a service's own timeouts begin to fire.
const LONGEST_HOLD_MS: f64 = 1000.0;

// Options of `watch --hold`.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Holding threads")]
pub(crate) struct HoldArgs {
    /// Trace the process, and hold each thread for up to so many milliseconds inside its window, while the others run
    #[arg(long, value_name = "MS", value_parser = milliseconds, conflicts_with_all = ["record", "no_stacks"])]
    pub(crate) hold: Option<Duration>,
    /// Keep a second writer waiting until the first has left, and go on: the process outlives its races.
    /// Experimental
    #[arg(long, requires = "hold")]
    pub(crate) rescue: bool,
    /// Let traps and holds keep the process from running for at most so much of the time; with --rescue the holds
    #[arg(long, value_name = "PERCENT", requires = "hold", default_value_t = 50,
        value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) max_stall: u8,
}

/// Reads a time to hold.
fn milliseconds(text: &str) -> Result<Duration, String> {
    let value = text.parse().ok().filter(|value| (0.0..=LONGEST_HOLD_MS).contains(value));
    let duration = value.map(|value: f64| Duration::from_secs_f64(value / 1e3));
    duration.ok_or_else(|| format!("give 0 to {LONGEST_HOLD_MS} milliseconds"))
}

/// Watches, in a keeper ([`trap::keep`]).
pub(crate) fn run(mut watch: Watch<'_>) -> Result<Status, Error> {
    let owner = Owner::in_process(watch.args.pid)?;
    let announcement = announcement(&watch, owner);
    watch.lines.note(&announcement)?;
    let mut catch = Catch::new(watch, owner)?;
    let followed = catch.follow();
    // Whatever happened, the process goes on first.
    let ended = catch.let_go();
    followed?;
    ended.report()
}

/// What is going to happen to the process.
fn announcement(watch: &Watch<'_>, owner: Owner) -> String {
    let HoldArgs { hold, rescue, max_stall } = &watch.args.holding;
    let map = watch.trap.map();
    let held = match hold {
        Some(hold) if !hold.is_zero() => format!(", holding each thread up to {} ms", hold.as_secs_f64() * 1e3),
        _ => String::new(),
    };
    let stall = if *rescue { "holds" } else { "holds and traps" };
    let end = match owner {
        Owner::Kernel => "killing that too may end the process",
        Owner::Threads => "killing that too ends the process, since perf events are not allowed here",
    };
    format!(
        "Watching {}: {} at {}{held}; {stall} take at most {max_stall} % of its time. Ctrl-C ends it. Should redhanded be \
         killed, its keeper (process {}) lets go; {end}.",
        map.expression,
        map.type_name,
        map.header,
        std::process::id()
    )
}

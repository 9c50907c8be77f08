//! Traps itself by a breakpoint on a byte of its own, and says what each trap cost: the bare trap, for a bench.
//! `itself TRAPS`
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Instant;

use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use perf_event::Builder;
use perf_event::events::Breakpoint;

static BYTE: AtomicU8 = AtomicU8::new(0);
static TRAPS: AtomicU64 = AtomicU64::new(0);

extern "C" fn trapped(_: libc::c_int) {
    TRAPS.fetch_add(1, Ordering::Relaxed);
}

fn main() {
    let wanted: u64 = std::env::args().nth(1).unwrap().parse().unwrap();
    let action = SigAction::new(SigHandler::Handler(trapped), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does no more than count.
    #[allow(unsafe_code)]
    unsafe {
        sigaction(Signal::SIGTRAP, &action).unwrap();
    }
    let address = std::ptr::from_ref(&BYTE).addr() as u64;
    let mut builder = Builder::new(Breakpoint::write(address, 1));
    builder.observe_self().any_cpu().sample_period(1).sigtrap(true).remove_on_exec(true).enabled(true);
    let _breakpoint = builder.build().unwrap();
    let begun = Instant::now();
    for _ in 0..wanted {
        BYTE.store(1, Ordering::Relaxed);
    }
    let took = begun.elapsed();
    assert_eq!(TRAPS.load(Ordering::Relaxed), wanted, "each store is one trap");
    println!("{}", took.as_secs_f64() * 1e6 / wanted as f64);
}

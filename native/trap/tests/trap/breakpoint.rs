//! Breakpoints in a traced process.

use std::collections::BTreeMap;
use std::time::Instant;

use trap::{At, Breakpoint, DebugRegisters, Error, Event, TRAP_HWBKPT, TRAP_PERF, Tracer};

use crate::process::{Guarded, LONGEST, TOUCHES, arm, check_free};

/// A process that touches a byte, and where that is.
pub(crate) fn toucher() -> (Guarded, u64) {
    let mut target = Guarded::start_role("touches_a_byte", 0);
    let addr = std::iter::repeat_with(|| target.line()).find_map(|line| line.parse().ok()).unwrap();
    target.wait_for("ready");
    (target, addr)
}

/// The traps of each thread that was born and has ended, among so many.
fn traps_of_the_dead(tracer: &mut Tracer, threads: usize) -> Vec<usize> {
    let mut traps = BTreeMap::new();
    let mut dead = Vec::new();
    while dead.len() < threads {
        match tracer.wait(Some(Instant::now() + LONGEST)).unwrap() {
            Event::Born { tid } => {
                traps.insert(tid, 0);
                tracer.resume(tid, 0);
            }
            Event::Trap { tid, code } => {
                assert_eq!(code, TRAP_PERF);
                traps.entry(tid).and_modify(|count| *count += 1);
                tracer.resume(tid, 0);
            }
            Event::Signal { tid, signal } => tracer.resume(tid, signal),
            Event::ThreadEnded { tid } => dead.extend(traps.remove(&tid)),
            other => panic!("{other:?}"),
        }
    }
    dead
}

#[test]
fn a_breakpoint_stops_all_threads_also_those_that_are_born_later() {
    let (mut target, addr) = toucher();
    let (mut tracer, mut breakpoint) = arm(target.pid(), At::Byte(addr));
    assert_eq!(traps_of_the_dead(&mut tracer, 50), [TOUCHES; 50]);
    breakpoint.disable().unwrap();
    // Who is in the middle of it may have met it.
    traps_of_the_dead(&mut tracer, 1);
    assert_eq!(traps_of_the_dead(&mut tracer, 20), [0; 20]);
    breakpoint.enable().unwrap();
    traps_of_the_dead(&mut tracer, 1);
    assert_eq!(traps_of_the_dead(&mut tracer, 20), [TOUCHES; 20]);
    drop(breakpoint);
    tracer.detach();
    check_free(target.pid());
    target.check_progress();
}

#[test]
fn a_breakpoint_that_is_gone_leaves_its_slot_free() {
    let (target, addr) = toucher();
    let mut tracer = Tracer::attach(target.pid()).unwrap();
    tracer.stop_all(LONGEST);
    let set = |index| Breakpoint::set(target.pid(), tracer.standing(), At::Byte(addr + 4096 + index));
    for _ in 0..3 {
        let all: Vec<_> = (0..4).map(set).collect::<Result<_, _>>().unwrap();
        assert!(matches!(set(4), Err(Error::NoSlot { .. })));
        drop(all);
    }
}

#[test]
fn debug_registers_trap_the_threads_in_which_they_are_set() {
    let (mut target, addr) = toucher();
    let mut tracer = Tracer::attach(target.pid()).unwrap();
    let mut traps = 0;
    while traps < 5 * TOUCHES {
        match tracer.wait(Some(Instant::now() + LONGEST)).unwrap() {
            Event::Born { tid } => {
                // One that is never met, in each other register.
                let places = [At::Instruction(8), At::Bytes { address: 16, length: 8 }, At::Byte(addr)];
                tracer.set_debug_registers(tid, &places).unwrap();
                tracer.resume(tid, 0);
            }
            Event::Trap { tid, code } => {
                assert_eq!(code, TRAP_HWBKPT);
                traps += 1;
                tracer.resume(tid, 0);
            }
            Event::Signal { tid, signal } => tracer.resume(tid, signal),
            Event::ThreadEnded { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    tracer.stop_all(LONGEST);
    for tid in tracer.standing() {
        assert!(matches!(tracer.set_debug_registers(tid, &[At::Byte(addr); 5]), Err(Error::NoSlot { .. })));
        tracer.set_debug_registers(tid, &[]).unwrap();
    }
    tracer.detach();
    assert!(trap::debug_registers(target.pid()).unwrap().iter().all(DebugRegisters::is_clear));
    target.check_progress();
}

#[test]
fn traps_end_with_the_tracer_at_any_moment() {
    let (mut target, addr) = toucher();
    for _ in 0..50 {
        let (mut tracer, breakpoint) = arm(target.pid(), At::Byte(addr));
        traps_of_the_dead(&mut tracer, 2);
        drop(breakpoint);
        tracer.detach();
        check_free(target.pid());
    }
    target.check_progress();
}

#[test]
fn whoever_is_held_at_a_breakpoint_goes_on_when_the_tracer_is_killed() {
    let (mut target, addr) = toucher();
    for _ in 0..20 {
        let mut holder = Guarded::role("holds_at_a_byte", format!("{} {addr}", target.pid()));
        holder.child.kill().unwrap();
        holder.child.wait().unwrap();
        check_free(target.pid());
        target.check_progress();
    }
}

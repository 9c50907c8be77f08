//! What is recorded of a process that runs on.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use trap::perf::{Armed, Record, Recorder, RegisterSet, Span, Take, amd64};
use trap::{At, Error};

use crate::breakpoint::toucher;
use crate::process::{Guarded, LONGEST, TOUCHES, check_free};

const TAKE: Take = Take { registers: RegisterSet::ALL_AMD64, stack: true, span: Span::Moment };

/// A process that says where a byte is.
fn start(role: &str) -> (Guarded, At) {
    let mut target = Guarded::start_role(role, 0);
    let at = At::Byte(target.number());
    target.wait_for("ready");
    (target, at)
}

/// What a recorder has given.
#[derive(Default)]
struct Seen {
    /// When, and in which thread.
    hits: Vec<(u64, u32)>,
    /// The hits that came right after a gap, by their places.
    after_gap: Vec<usize>,
    lost: u64,
}

impl Seen {
    fn take(&mut self, record: Record<'_>) -> ControlFlow<()> {
        match record {
            Record::Hit(hit) => {
                assert!(hit.register(amd64::IP).is_some_and(|ip| ip != 0));
                self.hits.push((hit.at, hit.tid));
            }
            Record::Gap => self.after_gap.push(self.hits.len()),
            Record::Lost(lost) => self.lost += lost,
        }
        ControlFlow::Continue(())
    }

    /// Takes what a recorder gives until it is enough.
    fn take_until(&mut self, recorder: &mut Recorder, enough: impl Fn(&Seen) -> bool) {
        let begun = Instant::now();
        while !enough(self) {
            recorder.wait(Duration::from_millis(1)).unwrap();
            recorder.drain(&mut |record| self.take(record));
            assert!(begun.elapsed() < LONGEST, "{} hits", self.hits.len());
        }
    }
}

#[test]
fn every_touch_of_every_thread_that_is_born_later_is_recorded_in_order() {
    let (mut target, addr) = toucher();
    let mut recorder = Recorder::new(target.pid(), &[At::Byte(addr)], TAKE).unwrap();
    let mut seen = Seen::default();
    seen.take_until(&mut recorder, |seen| seen.hits.len() > 200 * TOUCHES);
    assert_eq!(recorder.finish(&mut |record| seen.take(record)), 0);
    assert!(seen.hits.is_sorted() && seen.after_gap.is_empty());
    assert!(seen.hits.iter().all(|(at, _)| *at >= recorder.began()));
    // One after the other: a number that comes again is another thread's.
    let threads: Vec<usize> = seen.hits.chunk_by(|a, b| a.1 == b.1).map(<[_]>::len).collect();
    let whole = &threads[1..threads.len() - 1];
    assert!(whole.len() > 150 && whole.iter().all(|touches| touches % TOUCHES == 0), "{threads:?}");
    target.check_progress();
}

#[test]
fn threads_that_are_born_while_breakpoints_are_set_are_recorded_once() {
    for _ in 0..5 {
        let (mut target, at) = start("makes_threads_that_touch_when_told");
        while trap::threads_of(target.pid()).unwrap().len() < 200 {
            std::thread::yield_now();
        }
        // Some hundred more are born meanwhile.
        let mut recorder = Recorder::new(target.pid(), &[at], TAKE).unwrap();
        target.tell("");
        let threads = usize::try_from(target.number()).unwrap();
        let mut seen = Seen::default();
        assert_eq!(recorder.finish(&mut |record| seen.take(record)), 0);
        let mut touches: BTreeMap<u32, usize> = BTreeMap::new();
        for (_, tid) in seen.hits {
            *touches.entry(tid).or_default() += 1;
        }
        assert!(touches.values().all(|touches| *touches == 1), "{touches:?}");
        // One that was just being made by a thread without breakpoints may have got its own too late, and is counted.
        assert!(touches.len() == threads || recorder.late() > 0, "{} of {threads}", touches.len());
    }
}

#[test]
fn what_is_lost_is_counted_and_said() {
    let (mut target, at) = start("touches_as_often_as_told");
    let mut recorder = Recorder::with_memory(target.pid(), &[at], TAKE, 1).unwrap();
    let mut seen = Seen::default();
    let mut touch = |times: usize, seen: &mut Seen, recorder: &mut Recorder| {
        target.tell(times);
        target.wait_for("touched");
        // A trap is recorded before it returns.
        recorder.drain(&mut |record| seen.take(record));
    };
    touch(3, &mut seen, &mut recorder);
    assert_eq!((seen.hits.len(), seen.after_gap.len(), seen.lost), (3, 0, 0));
    touch(1000, &mut seen, &mut recorder);
    let kept = seen.hits.len();
    assert!(kept < 1003, "more than a page holds");
    // Whoever looks at the first of them must know already that some may be missing, and from then on till now.
    assert_eq!(seen.after_gap, (3..kept).collect::<Vec<_>>());
    // What is lost behind the last that was recorded is known when there is a next one.
    touch(3, &mut seen, &mut recorder);
    assert_eq!((seen.hits.len() as u64 + seen.lost, seen.hits.len()), (1006, kept + 3));
    assert!(seen.after_gap.contains(&kept) && !seen.after_gap.contains(&(kept + 2)), "{:?}", seen.after_gap);
    touch(1000, &mut seen, &mut recorder);
    // Or in the end.
    let lost = recorder.finish(&mut |record| seen.take(record));
    assert_eq!(seen.hits.len() as u64 + lost, 2006);
}

#[test]
fn a_hundred_thousand_touches_are_recorded_without_loss() {
    let (mut target, at) = start("touches_as_often_as_told");
    let mut recorder = Recorder::new(target.pid(), &[at], TAKE).unwrap();
    let mut seen = Seen::default();
    target.tell(100_000);
    seen.take_until(&mut recorder, |seen| seen.hits.len() as u64 + seen.lost >= 100_000);
    assert_eq!((seen.hits.len(), seen.lost, recorder.finish(&mut |record| seen.take(record))), (100_000, 0, 0));
    target.wait_for("touched");
}

#[test]
fn neither_a_forked_child_nor_another_program_is_recorded() {
    let (mut target, at) = start("forks_and_executes_when_told");
    let mut recorder = Recorder::new(target.pid(), &[at], TAKE).unwrap();
    let mut seen = Seen::default();
    target.tell("");
    target.wait_for("touched");
    recorder.drain(&mut |record| seen.take(record));
    assert_eq!(seen.hits.len(), 1);
    assert!(recorder.is_alive());
    target.tell("");
    target.wait_for("executed");
    assert!(!recorder.is_alive());
    assert!(!recorder.wait(Duration::ZERO).unwrap(), "it has not ended");
    assert_eq!(recorder.finish(&mut |record| seen.take(record)), 0);
    assert_eq!(seen.hits.len(), 1);
}

#[test]
fn the_end_of_a_process_ends_the_wait() {
    let (mut target, at) = start("touches_as_often_as_told");
    let mut recorder = Recorder::new(target.pid(), &[at], TAKE).unwrap();
    target.tell(5);
    target.wait_for("touched");
    target.child.kill().unwrap();
    let begun = Instant::now();
    while !recorder.wait(LONGEST).unwrap() {
        assert!(begun.elapsed() < LONGEST);
    }
    assert!(!recorder.is_alive());
    let mut seen = Seen::default();
    assert_eq!(recorder.finish(&mut |record| seen.take(record)), 0);
    assert_eq!(seen.hits.len(), 5, "what it did before");
    target.child.wait().unwrap();
    assert!(matches!(Recorder::new(target.pid(), &[at], TAKE), Err(Error::Ended { .. })));
}

#[test]
fn breakpoints_that_others_have_are_not_taken() {
    let (target, addr) = toucher();
    let count = |place: u64| Armed::counting(target.pid(), &[At::Byte(addr + place)]);
    let mut others: Vec<Armed> = (0..4).map(|place| count(place).unwrap()).collect();
    assert!(matches!(Recorder::new(target.pid(), &[At::Byte(addr)], TAKE), Err(Error::NoSlot { .. })));
    others.pop();
    let mut recorder = Recorder::new(target.pid(), &[At::Byte(addr)], TAKE).unwrap();
    let mut seen = Seen::default();
    seen.take_until(&mut recorder, |seen| seen.hits.len() > 10 * TOUCHES);
    assert!(others[0].count() as usize >= 10 * TOUCHES, "they count as well");
    drop((recorder, others));
    assert_eq!((0..4).filter_map(|place| count(place).ok()).count(), 4);
}

#[test]
fn a_process_runs_on_when_its_recorder_is_killed() {
    let (mut target, addr) = toucher();
    for _ in 0..20 {
        let mut recorder = Guarded::role("records_a_byte", format!("{} {addr}", target.pid()));
        target.check_progress();
        recorder.child.kill().unwrap();
        recorder.child.wait().unwrap();
        check_free(target.pid());
        target.check_progress();
    }
    // Nothing of theirs is left: all slots are free.
    let count = |place: u64| Armed::counting(target.pid(), &[At::Byte(addr + place)]).unwrap();
    let _all: Vec<Armed> = (0..4).map(count).collect();
}

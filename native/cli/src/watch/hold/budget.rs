//! How much of its time a process is kept from running.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Beyond its share, the traps may take so long at a stretch: to switch them off and on has its price too.
const BURST: Duration = Duration::from_millis(10);

/// In so many times what a trap costs at least, a thread may have done no more than get to the next: on a busy machine
/// it waits for a processor, and so do we.
const HARDLY: u32 = 4;

/// What a trap costs at most before we know of it and after: on a virtual machine inside another one. Until two traps
/// have come in a row, nothing else tells; a thread that runs for long between its traps is not stalled by them.
const COSTLY: Duration = Duration::from_micros(50);

/// A time in which at least one of several things was so.
#[derive(Debug, Default)]
struct Spell {
    count: u32,
    since: Option<Instant>,
    over: Duration,
}

/// What the watch costs its process, and may cost it.
#[derive(Debug)]
pub(super) struct Budget {
    began: Instant,
    /// The greatest part of the time that may go into traps and holds.
    share: f64,
    /// Somebody stood still: from when we knew of it.
    stood: Spell,
    /// Somebody was held.
    held: Spell,
    traps: u64,
    /// When each thread was last let go.
    let_go: HashMap<i32, Instant>,
    /// The shortest time from there to its next trap. It is what a trap costs before we know of it and after.
    least: Duration,
    /// What all traps have cost so.
    unseen: Duration,
}

impl Spell {
    fn begin(&mut self, now: Instant) {
        self.count += 1;
        self.since.get_or_insert(now);
    }

    fn end(&mut self, now: Instant) {
        self.count = self.count.saturating_sub(1);
        if self.count == 0
            && let Some(since) = self.since.take()
        {
            self.over += now - since;
        }
    }

    fn total(&self, now: Instant) -> Duration {
        self.over + self.since.map_or(Duration::ZERO, |since| now - since)
    }
}

impl Budget {
    /// A watch that begins now.
    pub(super) fn new(share: f64, now: Instant) -> Self {
        Budget {
            began: now,
            share,
            stood: Spell::default(),
            held: Spell::default(),
            traps: 0,
            let_go: HashMap::new(),
            least: COSTLY,
            unseen: Duration::ZERO,
        }
    }

    /// A thread has run into a trap, and stands.
    pub(super) fn trapped(&mut self, tid: i32, now: Instant) {
        self.traps += 1;
        self.stood.begin(now);
        if let Some(before) = self.let_go.remove(&tid) {
            let since = now - before;
            self.least = self.least.min(since);
            self.unseen += since.min(HARDLY * self.least);
        }
    }

    /// It was let go.
    pub(super) fn let_go(&mut self, tid: i32, now: Instant) {
        self.stood.end(now);
        self.let_go.insert(tid, now);
    }

    /// It has ended, perhaps while it stood.
    pub(super) fn ended(&mut self, tid: i32, stood: bool, now: Instant) {
        self.let_go.remove(&tid);
        if stood {
            self.stood.end(now);
        }
    }

    /// It is held.
    pub(super) fn held(&mut self, now: Instant) {
        self.held.begin(now);
    }

    /// It is no longer held.
    pub(super) fn released(&mut self, now: Instant) {
        self.held.end(now);
    }

    /// For how long somebody was held.
    pub(super) fn held_for(&self, now: Instant) -> Duration {
        self.held.total(now)
    }

    /// How many traps there were.
    pub(super) fn traps(&self) -> u64 {
        self.traps
    }

    /// Whether there is time to hold somebody.
    pub(super) fn allows_a_hold(&self, now: Instant) -> bool {
        self.stalled(now) <= (now - self.began).mul_f64(self.share)
    }

    /// Until when the process must run undisturbed to get its share; `None` while it has it.
    pub(super) fn spent_until(&self, now: Instant) -> Option<Instant> {
        let stalled = self.stalled(now);
        let over = stalled > (now - self.began).mul_f64(self.share) + BURST;
        over.then(|| self.began + stalled.div_f64(self.share))
    }

    fn stalled(&self, now: Instant) -> Duration {
        self.stood.total(now) + self.unseen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn holds_take_their_share_and_no_more() {
        let began = Instant::now();
        let mut budget = Budget::new(0.5, began);
        assert!(budget.allows_a_hold(began));
        budget.trapped(1, began + 2 * MS);
        budget.held(began + 2 * MS);
        budget.released(began + 7 * MS);
        budget.let_go(1, began + 7 * MS);
        assert!(!budget.allows_a_hold(began + 9 * MS));
        assert!(budget.allows_a_hold(began + 10 * MS));
        assert_eq!((budget.held_for(began + 10 * MS), budget.traps()), (5 * MS, 1));
    }

    #[test]
    fn threads_that_stand_together_count_once() {
        let began = Instant::now();
        let mut budget = Budget::new(0.5, began);
        for tid in 1..4 {
            budget.trapped(tid, began + MS);
        }
        for tid in 1..4 {
            budget.let_go(tid, began + 3 * MS);
        }
        assert_eq!(budget.stalled(began + 4 * MS), 2 * MS);
    }

    #[test]
    fn a_storm_of_traps_is_interrupted_until_the_process_has_had_its_share() {
        let began = Instant::now();
        let mut budget = Budget::new(0.25, began);
        let mut now = began;
        let until = loop {
            budget.trapped(1, now);
            budget.let_go(1, now + MS / 100);
            now += MS / 25;
            if let Some(until) = budget.spent_until(now) {
                break until;
            }
            assert!(now - began < 100 * MS);
        };
        // Three quarters of each turn pass unseen, in the kernel.
        assert_eq!(budget.least, 3 * MS / 100);
        assert!((until - began).mul_f64(0.25) >= now - began - MS, "{:?}", until - began);
        assert_eq!(budget.spent_until(until), None);
    }

    #[test]
    fn traps_that_come_now_and_then_stall_nobody() {
        let began = Instant::now();
        let mut budget = Budget::new(0.5, began);
        for turn in 0..1000 {
            let now = began + turn * MS;
            budget.trapped(1, now);
            budget.let_go(1, now + MS / 100);
            assert_eq!(budget.spent_until(now + MS / 100), None);
        }
    }
}

//! Hits that are noted twice.

use super::sample::{Hit, amd64};

/// The last hit on one processor, and which events have noted it.
///
/// Should a thread that has inherited breakpoints be given more of them, it meets two in one trap, and they are noted
/// one right after the other.
#[derive(Debug, Default)]
pub(super) struct Noted {
    /// The thread, the breakpoint, and the program counter.
    hit: Option<(u32, u64, Option<u64>)>,
    by: Vec<u64>,
}

impl Noted {
    /// Whether this is the hit that was noted last, noted by another event.
    pub(super) fn is_again(&mut self, hit: &Hit<'_>) -> bool {
        let this = Some((hit.tid, hit.address, hit.register(amd64::IP)));
        let again = self.hit == this && !self.by.contains(&hit.event);
        if !again {
            self.hit = this;
            self.by.clear();
        }
        self.by.push(hit.event);
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perf::{RegisterSet, Span, Take};

    #[test]
    fn a_hit_that_two_events_note_is_one() {
        let take = Take { registers: RegisterSet::default().with(amd64::IP), stack: false, span: Span::Moment };
        let mut noted = Noted::default();
        let mut is_again = |tid: u64, event: u64, ip: u64| {
            noted.is_again(&Hit::parse(&[tid << 32, 100, 0xc000, event, 2, ip], take).unwrap())
        };
        // One event that is met at one place, in a loop.
        assert_eq!([is_again(7, 1, 5), is_again(7, 1, 5), is_again(7, 1, 5)], [false; 3]);
        // Two that are met together, and again together.
        assert_eq!(
            [is_again(8, 1, 5), is_again(8, 2, 5), is_again(8, 1, 5), is_again(8, 2, 5)],
            [false, true, false, true]
        );
        // Another thread, and another place.
        assert_eq!([is_again(9, 3, 5), is_again(9, 3, 6), is_again(9, 4, 6)], [false, false, true]);
    }
}

//! Who waits at a channel for a goroutine that runs: a worker that has asked for its next order has done the last one
//! just now, however little its stack tells of when.

use std::collections::{HashMap, HashSet};
use std::ops::{ControlFlow, Range};

use super::evidence::registers;
use super::scan::{self, Resting};
use crate::frames::UnwoundFrame;
use crate::memory::RuntimeAddr;
use crate::target::Target;

/// A `select` waits at more than one channel; so many are looked at.
const MOST: usize = 64;

/// What the goroutines that run, or are about to, have on their stacks and in their registers: the channels that they use among it.
pub(super) struct Partners {
    /// Which goroutine has a word, by its number.
    words: HashMap<u64, u64>,
    /// Where a `runtime.sudog`, an entry in a channel's queue, has the channel, and the goroutine's next one.
    sudog: Option<(u64, u64)>,
}

impl Partners {
    /// `now` are those that run, or would if there was a thread. `sp` gives a running one's stack
    /// pointer.
    pub(super) fn new(
        target: &Target<'_>,
        now: &[RuntimeAddr],
        running: &HashMap<RuntimeAddr, Vec<UnwoundFrame>>,
        sp: &dyn Fn(RuntimeAddr, &Range<u64>) -> Option<u64>,
    ) -> Self {
        let mut words = HashMap::new();
        scan::each(target, now, &HashSet::new(), sp, &mut |resting, stack| {
            let live = stack.words().filter(|(addr, _)| *addr >= stack.sp).map(|(_, word)| word);
            let own = running.get(&resting.g).into_iter().flat_map(|frames| registers(frames));
            words.extend(live.chain(own).filter(|word| *word != 0).map(|word| (word, resting.goid)));
            ControlFlow::Continue(())
        });
        let field = |ty, name| target.program.field_offset(ty, name).ok();
        // Since Go 1.26 the channel is there twice, once for the garbage collector only.
        let copy = field("runtime.maybeTraceablePtr", "vu").unwrap_or(0);
        let channel = field("runtime.sudog", "c").map(|offset| offset + copy);
        Partners { words, sudog: channel.zip(field("runtime.sudog", "waitlink")) }
    }

    /// The number of one of those goroutines that uses a channel at which this one waits.
    pub(super) fn of(&self, target: &Target<'_>, waiting: &Resting) -> Option<u64> {
        let (channel, next) = self.sudog?;
        let word = |addr: RuntimeAddr| target.pointer(addr).ok().filter(|word| word.0 != 0);
        let first = Some(RuntimeAddr(waiting.sudog)).filter(|sudog| sudog.0 != 0);
        let mut all = std::iter::successors(first, |sudog| word(sudog.plus(next))).take(MOST);
        all.find_map(|sudog| self.words.get(&word(sudog.plus(channel))?.0).copied())
    }
}

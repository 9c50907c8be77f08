//! How many goroutines a program has made.

use gomap::Part;

use crate::memory::RuntimeAddr;
use crate::target::Target;

/// Where the runtime keeps that (`runtime.newproc1`, unchanged from Go 1.18 to 1.27): it numbers goroutines one after
/// the other, but gives each P some numbers at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Registry {
    /// `sched.goidgen`: the last number that any P has got.
    last: RuntimeAddr,
    /// `allp`, a slice.
    processors: RuntimeAddr,
    /// Where a P has the numbers that it has not used yet: `goidcache`, the next, and `goidcacheend`.
    unused: u64,
    /// `allgs`, a slice to which each new `g` is appended.
    list: RuntimeAddr,
}

/// What the runtime knew at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Census {
    last: u64,
    unused: Vec<[u64; 2]>,
    /// How many `g` there are.
    pub(super) listed: u64,
}

/// More Ps than any program has.
const MOST: u64 = 1 << 16;

/// How often to look again while the program makes goroutines.
const ATTEMPTS: u32 = 4;

impl Registry {
    /// `None` where the program doesn't tell.
    pub(super) fn find(target: &Target<'_>) -> Option<Self> {
        let program = target.program;
        let symbol = |name| Some(target.bias.to_runtime(program.symbol(name)?.addr));
        Some(Registry {
            last: symbol("runtime.sched")?.plus(program.field_offset("runtime.schedt", "goidgen").ok()?),
            processors: symbol("runtime.allp")?,
            unused: program.field_offset("runtime.p", "goidcache").ok()?,
            list: target.bias.to_runtime(program.all_goroutines().ok()?),
        })
    }

    /// How many `g` there are now.
    pub(super) fn listed(&self, target: &Target<'_>) -> Option<u64> {
        target.uint(self.list.plus(8), 8).ok()
    }

    /// What the runtime knows now; `None` where it can't be read, or never stands still.
    pub(super) fn census(&self, target: &Target<'_>) -> Option<Census> {
        let mut last = self.read(target)?;
        for _ in 0..ATTEMPTS {
            // No number ever goes back: what is the same twice was so at every moment between.
            let again = self.read(target)?;
            if again == last {
                return Some(last);
            }
            last = again;
        }
        None
    }

    fn read(&self, target: &Target<'_>) -> Option<Census> {
        let [[last], [processors], [count], [listed]] =
            words(target, [self.last, self.processors, self.processors.plus(8), self.list.plus(8)])?.try_into().ok()?;
        let count = (0..count.min(MOST)).map(|number| RuntimeAddr(processors).plus(8 * number));
        let places = words::<1>(target, count)?.into_iter().map(|[p]| RuntimeAddr(p).plus(self.unused));
        Some(Census { last, unused: words(target, places)?, listed })
    }
}

impl Census {
    /// How many numbers goroutines have been given so far.
    pub(super) fn given(&self) -> u64 {
        let unused = self.unused.iter().map(|[next, end]| end.saturating_sub(*next));
        self.last.saturating_sub(unused.sum())
    }

    /// Whether a goroutine with this number had been made by then.
    pub(super) fn has(&self, goid: u64) -> bool {
        goid <= self.last && !self.unused.iter().any(|[next, end]| (*next..*end).contains(&goid))
    }

    /// Whether numbers can be counted from the one to the other: a P that is taken away takes its numbers along.
    pub(super) fn is_comparable(&self, other: &Census) -> bool {
        self.unused.len() == other.unused.len()
    }
}

/// So many words from each place, with one call.
pub(super) fn words<const N: usize>(
    target: &Target<'_>,
    places: impl IntoIterator<Item = RuntimeAddr>,
) -> Option<Vec<[u64; N]>> {
    let places: Vec<RuntimeAddr> = places.into_iter().collect();
    let mut bytes = vec![0; places.len() * N * 8];
    let mut parts: Vec<_> = places
        .iter()
        .zip(bytes.chunks_exact_mut(N * 8))
        .map(|(place, buf)| Part { addr: place.0, buf, read: false })
        .collect();
    target.memory.read_parts(&mut parts);
    if !parts.iter().all(|part| part.read) {
        return None;
    }
    let (words, _) = bytes.as_chunks();
    let words: Vec<u64> = words.iter().copied().map(u64::from_le_bytes).collect();
    Some(words.as_chunks().0.to_vec())
}

//! Which goroutine it was.

use std::collections::{HashMap, VecDeque};

use gomap::Part;

use super::census::{Census, Registry, words};
use crate::error::Error;
use crate::goroutine::{self, Goroutine};
use crate::memory::RuntimeAddr;
use crate::target::Target;

/// The numbers of goroutines, which are read a moment after what was recorded: by then the runtime may have given a
/// `g` to another goroutine. A number is only told where it is certain that the `g` had it at that time already:
/// - it had the same number before,
/// - or that goroutine had been made before,
/// - or the `g` was made not long before, and since then no `g` was given to another goroutine.
#[derive(Debug)]
pub struct Goids {
    /// Where a `g` has its number.
    offset: u64,
    /// How long a `g` is.
    size: usize,
    known: HashMap<RuntimeAddr, Known>,
    /// The latest that were asked for or made, and what was in each when it was read last: a process that dies of what
    /// was recorded can't be read any more.
    recent: VecDeque<(RuntimeAddr, Vec<u8>)>,
    registry: Option<Registry>,
    /// The latest, the oldest first, and when each was over.
    censuses: VecDeque<(u64, Census)>,
    /// Since this census a `g` was given to another goroutine.
    reused: u64,
}

/// A number that a `g` had, and no other, after the first time and before the other: no two goroutines have the same.
#[derive(Clone, Copy, Debug)]
struct Known {
    goid: u64,
    from: u64,
    until: u64,
}

/// Goroutines whose numbers are read with one call.
const BATCH: usize = 256;

/// How many of the latest goroutines are read each time.
const RECENT: usize = 64;

/// How many censuses are kept, and how long after one the next is due, in nanoseconds.
const CENSUSES: usize = 4;
const DUE: u64 = 4_000_000;

impl Goids {
    /// Reads the numbers of all goroutines there are. `now` tells the time on the recording's clock.
    ///
    /// # Errors
    /// The program does not tell its layout, or the runtime's list of goroutines cannot be read.
    pub fn new(target: &Target<'_>, now: &dyn Fn() -> u64) -> Result<Self, Error> {
        let layout = target.program.runtime_layout()?.g;
        let mut goids = Goids {
            offset: layout.goid,
            size: usize::try_from(layout.size).unwrap_or(0),
            known: HashMap::new(),
            recent: VecDeque::new(),
            registry: Registry::find(target),
            censuses: VecDeque::new(),
            reused: 0,
        };
        let all = goroutine::addresses(target)?;
        for some in all.chunks(BATCH) {
            let mut numbers = [[0; 8]; BATCH];
            let parts = some.iter().zip(&mut numbers);
            let mut parts: Vec<_> =
                parts.map(|(g, buf)| Part { addr: g.plus(goids.offset).0, buf, read: false }).collect();
            let until = now();
            target.memory.read_parts(&mut parts);
            let from = now();
            let read: Vec<bool> = parts.iter().map(|part| part.read).collect();
            for ((g, number), read) in some.iter().zip(numbers).zip(read) {
                if read {
                    goids.known.insert(*g, Known { goid: u64::from_le_bytes(number), from, until });
                }
            }
        }
        goids.look(target, now);
        Ok(goids)
    }

    /// Looks who is there, so that what is recorded can be told whose it was. The sooner after something was recorded
    /// the better.
    pub fn look(&mut self, target: &Target<'_>, now: &dyn Fn() -> u64) {
        let Some(registry) = self.registry else { return self.read_recent(target, now) };
        if let Some((over, census)) = self.censuses.back().cloned()
            && registry.listed(target).is_some_and(|listed| listed != census.listed)
        {
            self.meet_new(target, over, &census, now);
        }
        self.read_recent(target, now);
        let is_due = self.censuses.back().is_none_or(|(over, _)| now() >= over + DUE);
        if is_due && let Some(census) = registry.census(target) {
            if self.censuses.len() == CENSUSES {
                self.censuses.pop_front();
            }
            self.censuses.push_back((now(), census));
        }
    }

    /// Remembers a goroutine as one of the latest.
    fn meet(&mut self, g: RuntimeAddr) {
        if self.recent.iter().rev().any(|(recent, _)| *recent == g) {
            return;
        }
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((g, vec![0; self.size]));
    }

    /// Reads the latest goroutines.
    fn read_recent(&mut self, target: &Target<'_>, now: &dyn Fn() -> u64) {
        let until = now();
        let mut news = vec![vec![0; self.size]; self.recent.len()];
        let parts = self.recent.iter().zip(&mut news);
        let mut parts: Vec<_> = parts.map(|((g, _), buf)| Part { addr: g.0, buf, read: false }).collect();
        target.memory.read_parts(&mut parts);
        let read: Vec<bool> = parts.iter().map(|part| part.read).collect();
        let from = now();
        for (((g, bytes), new), read) in self.recent.iter_mut().zip(news).zip(read) {
            if read && let Some(goid) = goid(&new, self.offset) {
                let before = self.known.get(g).filter(|known| known.goid == goid);
                self.known.insert(*g, Known { goid, from: before.map_or(from, |known| known.from), until });
                *bytes = new;
            }
        }
    }

    /// All that was last known of a goroutine with this number; `None` where its `g` has been given to another since.
    #[must_use]
    pub fn goroutine(&self, target: &Target<'_>, g: RuntimeAddr, goid: u64) -> Option<Goroutine> {
        let is_it = |goroutine: &Goroutine| goroutine.goid == goid;
        let now = goroutine::goroutine(target, g).ok().filter(is_it);
        now.or_else(|| {
            let (_, bytes) = self.recent.iter().find(|(recent, _)| *recent == g)?;
            goroutine::parse(target, g, bytes).ok().filter(is_it)
        })
    }

    /// The number of the goroutine that had this `g` at a time; `None` where that can't be told. `now` tells the time
    /// on the same clock.
    pub fn at(&mut self, target: &Target<'_>, g: RuntimeAddr, time: u64, now: &dyn Fn() -> u64) -> Option<u64> {
        self.meet(g);
        let known = self.known.get(&g).copied();
        let known = match known.filter(|known| time <= known.until) {
            Some(known) => known,
            None => {
                let until = now();
                let goid = target.uint(g.plus(self.offset), 8).ok()?;
                let from = known.filter(|known| known.goid == goid).map_or_else(now, |known| known.from);
                Known { goid, from, until }
            }
        };
        self.known.insert(g, known);
        if time < known.from
            && let Some(&(over, ref census)) = self.censuses.iter().rfind(|(over, _)| *over <= time)
        {
            if census.has(known.goid) {
                self.known.insert(g, Known { from: over, ..known });
            } else {
                let census = census.clone();
                self.meet_new(target, over, &census, now);
            }
        }
        self.known.get(&g).filter(|known| known.from <= time && time <= known.until).map(|known| known.goid)
    }

    /// Reads the numbers of all `g` made since a census, unless any was given to another goroutine since then.
    fn meet_new(&mut self, target: &Target<'_>, over: u64, before: &Census, now: &dyn Fn() -> u64) {
        if self.reused >= over {
            return;
        }
        let until = now();
        match self.numbers_of_new(target, before) {
            Some(new) => {
                for (g, goid) in new {
                    self.meet(g);
                    self.known.insert(g, Known { goid, from: over, until });
                }
            }
            None => self.reused = over,
        }
    }

    /// The numbers of all `g` made since a census; `None` unless each number that was given since then is still there,
    /// in one of these.
    fn numbers_of_new(&self, target: &Target<'_>, before: &Census) -> Option<Vec<(RuntimeAddr, u64)>> {
        let new = goroutine::addresses_from(target, before.listed).ok()?;
        let mut goids = Vec::with_capacity(new.len());
        for some in new.chunks(BATCH) {
            goids.extend(words::<1>(target, some.iter().map(|g| g.plus(self.offset)))?);
        }
        let after = self.registry?.census(target)?;
        let given = goids.iter().filter(|[goid]| *goid != 0 && !before.has(*goid)).count() as u64;
        let is_complete = after.is_comparable(before)
            && after.listed == before.listed + new.len() as u64
            && given == after.listed - before.listed
            && after.given().checked_sub(before.given()) == Some(given);
        is_complete.then(|| new.into_iter().zip(goids.into_iter().flatten()).collect())
    }
}

/// The number in a `g`.
fn goid(bytes: &[u8], offset: u64) -> Option<u64> {
    let word = bytes.get(usize::try_from(offset).ok()?..)?.first_chunk()?;
    Some(u64::from_le_bytes(*word))
}

//! Traps at one variable, and what they prove.
//!
//! Whoever watches a variable from outside sees no lock and no channel: only that a thread has read or written it,
//! when, and in which goroutine. Two accesses that are far apart prove nothing, however they are made: there may have
//! been a lock. This is what does prove something.
//!
//! # A data race: two accesses at the same time
//!
//! A trap comes after its instruction, and keeps its thread until the trap is done with. So of each access two
//! moments are known, in between which its thread had made the access and had not gone on: when the trap took its
//! first time ([`VarAccess::from`]), and when it took its last ([`VarAccess::to`]). That is its window.
//!
//! Say that A's access happens before B's by any synchronisation: a lock, a channel, an atomic operation, the end of
//! a goroutine that another waits for. Then A's goroutine has done something after its access by which it let B's
//! go on, and B's something before its own by which it learned of that:
//!
//! ```text
//! A: access < from … to < lets go on        B: learns of it < access < from … to
//!                         \_______________________/
//! ```
//!
//! So A's window has ended when B's begins. **Windows that overlap are therefore of accesses that no synchronisation
//! orders**, whatever kind it is; and if one of them is a plain write, that is a data race by Go's memory model. For
//! this the clock has to agree between processors only as well as the kernel promises: what one processor has seen
//! done by another has an earlier time there. (The way from one trap into the next takes far longer than the few
//! nanoseconds by which that may be wrong.)
//!
//! Two atomic operations at the same time are no race. On amd64 an atomic load is the same instruction as any load,
//! so that a read may be atomic; a write without a LOCK prefix, which is no exchange, is not.
//!
//! # A stretch of accesses
//!
//! `x++` is often a load, a computation, and a store. If the program's code has nothing between the load and the store
//! by which a goroutine could let another go on (no call, no atomic operation but loads), whichever way it took, then
//! an access of another goroutine in between is not ordered after the load. So if that is a write, it is in a data race
//! with the load, even though no two traps were at the same time. A correct lock around both would have kept it out.
//!
//! If there is nothing either by which the goroutine could learn of another (no load of anything else), then the other's
//! access is not ordered before the store: a read in between is in a data race too. With such a load it need not be: the
//! goroutine may have waited for the reader. Who says what is in between is [`Code::stretch`].
//!
//! # A lost update
//!
//! With a lock around each of the two, but not around both, there is no data race, and `-race` says nothing. Still
//! what another goroutine has written in between is overwritten by what was computed from the old value. That is said
//! only if
//! - the goroutine's last access before its store was the load, and the store's value was computed from what that load
//!   read, on every way that the code can take ([`Code::derivation`]): not a constant, not the same value again;
//! - another goroutine's write came after the load and before the store, and the variable then had another value than
//!   the load had read;
//! - the store did not leave what the other one had left, by an operation that changes nothing when done twice.
//!
//! # What is not used
//!
//! A value that doesn't follow from the write before it would show a lost update too. But writes can go unseen: by the
//! kernel on behalf of a system call, by another process that shares the memory. So the values of different accesses
//! are compared only to take a lost update back, never to accuse; and where traps were lost, or a thread may have
//! gone without one, [`VarWatch::gap`] says so and whatever rests on "the last access before" begins anew.
//!
//! One goroutine at a time can be interrupted in the middle of a stretch, on the same processor: that is a race by the
//! same argument. Two single instructions that never come close in time, though, are reported as what they are, two
//! accesses.

use std::collections::{HashMap, VecDeque};

use crate::{Goroutine, Time};

/// So many goroutines' last accesses are remembered. Beyond that all are forgotten: what is found afterwards is as
/// true, it is only less.
const GOROUTINES: usize = 1 << 14;

/// So many of the latest writes are remembered, to tell what the variable was between two accesses.
const WRITES: usize = 64;

/// What an access does to the variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Reads it.
    Read,
    /// Writes it, whatever it was.
    Write,
    /// Reads and writes it in one instruction.
    Update,
}

/// One access to the variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VarAccess<S> {
    /// Who.
    pub goroutine: Goroutine,
    /// The first moment at which the thread was known to have made the access and not to have gone on.
    pub from: Time,
    /// The last.
    pub to: Time,
    /// What it does.
    pub action: Action,
    /// Whether it is atomic for certain: it has a LOCK prefix, or is an exchange.
    pub atomic: bool,
    /// Whether the program's own Go code has made it, which keeps to Go's memory model. Others (the runtime for
    /// itself, assembly, C) have ways of their own to synchronise, and are not judged.
    pub own: bool,
    /// Which bytes of the variable it touches for certain, a bit for each. Those of different values, as of two fields
    /// that are watched together, have nothing to do with each other.
    pub bytes: u8,
    /// What it read, where its registers tell.
    pub before: Option<u64>,
    /// What it left, where its registers tell.
    pub after: Option<u64>,
    /// By how much it raised the variable, modulo its size, where no more than that is known.
    pub raised: Option<i64>,
    /// What the watcher keeps of the scene: instruction, thread, stack.
    pub scene: S,
}

impl<S> VarAccess<S> {
    fn writes(&self) -> bool {
        self.action != Action::Read
    }

    fn is_plain_write(&self) -> bool {
        self.writes() && !self.atomic
    }
}

/// How a stored value came about from the one that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Derived {
    /// It is the same.
    Copied,
    /// Bits of it were set or cleared: to do so twice changes nothing.
    Combined,
    /// It was computed otherwise.
    Computed,
}

/// What a goroutine has done on its straight way from one access to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Between {
    /// It may have learned of what others had done until then.
    Loads,
    /// Nothing by which it could have learned of anything.
    Nothing,
}

/// What the program's code says of two accesses of one goroutine, of which it made the second next after the first.
pub trait Code<S> {
    /// What the goroutine has done in between; `None` if it need not have gone straight from one to the other, or may
    /// have let anyone go on.
    fn stretch(&mut self, first: &VarAccess<S>, second: &VarAccess<S>) -> Option<Between>;

    /// How the value that the second stored came about from the one that the first read; `None` where it didn't, may
    /// not have, or can't be told.
    fn derivation(&mut self, read: &VarAccess<S>, stored: &VarAccess<S>) -> Option<Derived>;
}

/// Two accesses that no synchronisation orders, at least one of them a plain write: the culprits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VarRace<S> {
    /// The one whose window, or whose stretch's, began first.
    pub first: VarAccess<S>,
    /// The one that came in on it.
    pub second: VarAccess<S>,
    /// Where it is a stretch that the second came in on, the access that the stretch goes on to after it.
    pub resumed: Option<VarAccess<S>>,
}

/// An update that was overwritten by what was computed from the value before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostUpdate<S> {
    /// The read of what was out of date soon.
    pub read: VarAccess<S>,
    /// The other goroutine's write, the last one if there were several: the update that is lost.
    pub lost: VarAccess<S>,
    /// The write of what was computed from the read.
    pub overwritten: VarAccess<S>,
    /// How many writes of others are lost with it.
    pub updates: usize,
}

/// What one access proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven<S> {
    /// A data race.
    pub race: Option<VarRace<S>>,
    /// A lost update.
    pub lost: Option<LostUpdate<S>>,
}

/// A goroutine's last access, and the stretch that it is in.
#[derive(Clone, Debug)]
struct Last<S> {
    access: VarAccess<S>,
    /// The first access of the stretch.
    first: VarAccess<S>,
    /// The first access since which it can't have learned of anything.
    deaf: VarAccess<S>,
    /// The last plain write of the stretch, and the first access since which it can't have learned of anything before
    /// that.
    write: Option<(VarAccess<S>, VarAccess<S>)>,
}

/// Follows all accesses to one variable.
#[derive(Clone, Debug)]
pub struct VarWatch<S> {
    /// The bits that the variable has.
    mask: u64,
    last: HashMap<Goroutine, Last<S>>,
    accesses: Latest<S>,
    plain_writes: Latest<S>,
    /// The latest writes, in order; those that are not judged too.
    writes: VecDeque<VarAccess<S>>,
}

impl<S: Clone> VarWatch<S> {
    /// Watches a variable of so many bytes, 1 to 8.
    #[must_use]
    pub fn new(size: u64) -> Self {
        let mask = u64::MAX >> (64 - 8 * size.clamp(1, 8));
        let (accesses, plain_writes) = (Latest::default(), Latest::default());
        VarWatch { mask, last: HashMap::new(), accesses, plain_writes, writes: VecDeque::new() }
    }

    /// Accesses may have been missed, or the variable is no longer what it was: forgets what was the last of each
    /// goroutine.
    pub fn gap(&mut self) {
        self.last.clear();
        self.writes.clear();
    }

    /// Takes one access. They are to be given in the order of their [`VarAccess::from`].
    pub fn take(&mut self, access: VarAccess<S>, code: &mut dyn Code<S>) -> Proven<S> {
        let before = self.last.remove(&access.goroutine);
        let mut proven = Proven { race: None, lost: None };
        if access.own {
            let between = before.as_ref().and_then(|before| code.stretch(&before.access, &access));
            // Of a stretch in which nothing can be learned, whatever is lost is lost in a race.
            if let Some(before) = before.as_ref().filter(|_| between != Some(Between::Nothing)) {
                proven.lost = self.lost_update(&before.access, &access, code);
            }
            let last = match before.zip(between) {
                Some((before, between)) => before.goes_on(access.clone(), between),
                None => Last::begins(access.clone()),
            };
            proven.race = self.race(&last);
            self.accesses.keep(&access);
            if access.is_plain_write() {
                self.plain_writes.keep(&access);
            }
            if self.last.len() >= GOROUTINES {
                self.last.clear();
            }
            self.last.insert(access.goroutine, last);
        }
        if access.writes() {
            if self.writes.len() >= WRITES {
                self.writes.pop_front();
            }
            self.writes.push_back(access);
        }
        proven
    }

    /// The race of a goroutine's stretch with another's latest access in it.
    fn race(&self, last: &Last<S>) -> Option<VarRace<S>> {
        let Last { access, first, deaf, write } = last;
        let since =
            |latest: &Latest<S>, since: &VarAccess<S>| latest.other(access).filter(|it| it.to > since.from).cloned();
        // Two writes tell most; else whatever was beside the one.
        let beside_write = write.as_ref().and_then(|(write, deaf)| {
            let other = since(&self.plain_writes, deaf).or_else(|| since(&self.accesses, deaf))?;
            Some((write, deaf, other))
        });
        let beside_any = || Some((access, deaf, since(&self.plain_writes, deaf)?));
        // What may have been learned of since is still not ordered after the first, if that has let nobody go on.
        let beside_first = || Some((first, first, since(&self.plain_writes, first).filter(|_| !first.atomic)?));
        let (own, first, other) = beside_write.or_else(beside_any).or_else(beside_first)?;
        let race = |first: &VarAccess<S>, second, resumed| Some(VarRace { first: first.clone(), second, resumed });
        if other.to > own.from && own.to > other.from {
            // At the same time: whoever was there first.
            if other.from <= own.from { race(&other, own.clone(), None) } else { race(own, other, None) }
        } else if other.from < own.from {
            race(first, other, Some(own.clone()))
        } else {
            race(own, other, Some(access.clone()))
        }
    }

    /// What a goroutine's store overwrote that it had not read.
    fn lost_update(&self, read: &VarAccess<S>, stored: &VarAccess<S>, code: &mut dyn Code<S>) -> Option<LostUpdate<S>> {
        if read.action != Action::Read || stored.action != Action::Write || stored.atomic {
            return None;
        }
        let between = self.writes.iter().rev().take_while(|write| write.from > read.to);
        let between: Vec<&VarAccess<S>> = between.filter(|write| write.goroutine != read.goroutine).collect();
        let lost = *between.first()?;
        let left = self.left_by(&between, read.before)?;
        let derived = code.derivation(read, stored)?;
        let is_loss = match derived {
            Derived::Copied => false,
            Derived::Combined => stored.after.is_some_and(|after| self.differs(after, left)),
            Derived::Computed => true,
        };
        let (read, lost, overwritten) = (read.clone(), lost.clone(), stored.clone());
        is_loss.then(|| LostUpdate { read, lost, overwritten, updates: between.len() })
    }

    /// What the variable was after these writes, of which the latest is the first: `None` where it is not known, or
    /// was as it had been before them.
    fn left_by(&self, writes: &[&VarAccess<S>], before: Option<u64>) -> Option<u64> {
        // Of so many the first are forgotten.
        let known = before.filter(|_| writes.len() < WRITES);
        let left = writes.iter().rev().fold(known, |value, write| match (write.after, write.raised) {
            (Some(after), _) => Some(after),
            (None, Some(by)) => value.map(|value| value.wrapping_add_signed(by)),
            (None, None) => None,
        });
        left.filter(|left| before.is_some_and(|before| self.differs(*left, before)))
    }

    fn differs(&self, a: u64, b: u64) -> bool {
        (a ^ b) & self.mask != 0
    }
}

impl<S: Clone> Last<S> {
    fn begins(access: VarAccess<S>) -> Self {
        let write = access.is_plain_write().then(|| (access.clone(), access.clone()));
        Last { first: access.clone(), deaf: access.clone(), write, access }
    }

    fn goes_on(self, access: VarAccess<S>, between: Between) -> Self {
        let deaf = if between == Between::Nothing { self.deaf } else { access.clone() };
        let write = if access.is_plain_write() { Some((access.clone(), deaf.clone())) } else { self.write };
        Last { first: self.first, deaf, write, access }
    }
}

/// Of all accesses of a kind the one whose window ends last, and that of another goroutine.
#[derive(Clone, Debug)]
struct Latest<S> {
    last: Option<VarAccess<S>>,
    of_another: Option<VarAccess<S>>,
}

impl<S> Default for Latest<S> {
    fn default() -> Self {
        Latest { last: None, of_another: None }
    }
}

impl<S: Clone> Latest<S> {
    fn keep(&mut self, access: &VarAccess<S>) {
        let is_later = |known: &Option<VarAccess<S>>| known.as_ref().is_none_or(|known| known.to <= access.to);
        let is_its = |known: &Option<VarAccess<S>>| known.as_ref().is_some_and(|it| it.goroutine == access.goroutine);
        if is_its(&self.last) {
            // A goroutine's windows follow each other.
            self.last = Some(access.clone());
        } else if is_later(&self.last) {
            self.of_another = self.last.replace(access.clone());
        } else if is_its(&self.of_another) || is_later(&self.of_another) {
            self.of_another = Some(access.clone());
        }
    }

    /// That of another goroutine, if it touches what this one does.
    fn other(&self, access: &VarAccess<S>) -> Option<&VarAccess<S>> {
        let other = [&self.last, &self.of_another].into_iter().flatten().find(|it| it.goroutine != access.goroutine);
        other.filter(|other| other.bytes & access.bytes != 0)
    }
}

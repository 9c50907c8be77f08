//! Who uses a map, by what is seen at its flag byte.

use std::collections::HashMap;

use race::{Kind, Step};

use crate::catch::{Caught, Scene};
use crate::memory::RuntimeAddr;

/// So many goroutines are told apart: a server makes one for each request.
const MOST: usize = 256;

/// The goroutines that have used a map, in the order in which they did so first.
#[derive(Clone, Debug, Default)]
pub struct Users {
    all: Vec<User>,
    /// Where each is among them.
    places: HashMap<(RuntimeAddr, Option<u64>), usize>,
    /// How many accesses were by others, who came later.
    by_others: u64,
}

/// A goroutine that has used a map.
#[derive(Clone, Debug)]
pub struct User {
    /// The address of its `runtime.g`.
    pub g: RuntimeAddr,
    /// Its number; `None` where the `g` may have been another goroutine's by the time that it was read.
    pub goid: Option<u64>,
    /// What it did.
    pub uses: Vec<Use>,
}

/// Accesses of one kind.
#[derive(Clone, Debug)]
pub struct Use {
    /// What they are for.
    pub kind: Kind,
    /// How many.
    pub count: u64,
    /// The scene of the first of them.
    pub scene: Scene,
}

impl Users {
    /// Takes what is seen of the byte; its scene tells the goroutine's number.
    pub fn saw(&mut self, caught: Caught) {
        // A write counts when it marks itself, a read when it looks for the mark.
        let counts = match caught.deed.step {
            Step::Sets => true,
            Step::Checks | Step::Iterates => !caught.kind.is_write(),
            Step::Loads | Step::Clears | Step::Updates => false,
        };
        if !counts {
            return;
        }
        let (g, goid) = (RuntimeAddr(caught.goroutine.0), caught.scene.goid);
        let is_known = self.places.contains_key(&(g, goid));
        if !is_known && self.all.len() >= MOST {
            self.by_others += 1;
            return;
        }
        let place = *self.places.entry((g, goid)).or_insert(self.all.len());
        if !is_known {
            self.all.push(User { g, goid, uses: Vec::new() });
        }
        if let Some(user) = self.all.get_mut(place) {
            user.add(caught.kind, caught.scene);
        }
    }

    /// How many more accesses there were, by goroutines that came later than the first 256.
    #[must_use]
    pub fn by_others(&self) -> u64 {
        self.by_others
    }

    /// The first 256 of them.
    #[must_use]
    pub fn all(&self) -> &[User] {
        &self.all
    }
}

impl User {
    /// What it wrote most often.
    #[must_use]
    pub fn writes(&self) -> Option<&Use> {
        self.uses.iter().filter(|used| used.kind.is_write()).max_by_key(|used| used.count)
    }

    fn add(&mut self, kind: Kind, scene: Scene) {
        match self.uses.iter_mut().find(|used| used.kind == kind) {
            Some(used) => used.count += 1,
            None => self.uses.push(Use { kind, count: 1, scene }),
        }
    }
}

#[cfg(test)]
mod tests {
    use race::{Deed, Goroutine, Time};

    use super::*;

    fn write_by(goid: u64) -> Caught {
        Caught {
            at: Time(goid),
            goroutine: Goroutine(0xc0_0000_0000 + goid),
            kind: Kind::Assign,
            deed: Deed { at: Time(goid), step: Step::Sets, before: Some(0), after: Some(1) },
            scene: Scene { thread: 1, goid: Some(goid), stack: Vec::new() },
            proven: None,
            suspected: None,
            inside: true,
            entered: None,
            left: false,
        }
    }

    #[test]
    fn a_goroutine_for_each_request_is_counted_and_not_kept() {
        let mut users = Users::default();
        (0..1000).chain(0..10).for_each(|goid| users.saw(write_by(goid)));
        assert_eq!((users.all().len(), users.by_others()), (MOST, 1000 - MOST as u64));
        let counts: Vec<u64> = users.all().iter().filter_map(|user| Some(user.writes()?.count)).collect();
        assert_eq!((counts.iter().filter(|count| **count == 2).count(), counts.len()), (10, MOST));
    }
}

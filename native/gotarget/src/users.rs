//! Who uses a map, by what is seen at its flag byte.

use std::collections::HashMap;

use race::{Kind, Step};

use crate::catch::{Caught, Scene};
use crate::memory::RuntimeAddr;

/// The goroutines that have used a map, in the order in which they did so first.
#[derive(Clone, Debug, Default)]
pub struct Users {
    all: Vec<User>,
    /// Where each is among them.
    places: HashMap<(RuntimeAddr, Option<u64>), usize>,
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
        let place = *self.places.entry((g, goid)).or_insert(self.all.len());
        if place == self.all.len() {
            self.all.push(User { g, goid, uses: Vec::new() });
        }
        if let Some(user) = self.all.get_mut(place) {
            user.add(caught.kind, caught.scene);
        }
    }

    /// All of them.
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

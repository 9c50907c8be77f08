//! The places of entries, one after another.

/// Where an entry is: a unit of a run and a slot of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place(u32);

impl Place {
    pub(super) fn unit_and_slot(self) -> (usize, usize) {
        ((self.0 / SLOTS as u32) as usize, (self.0 % SLOTS as u32) as usize)
    }
}

/// The places of a run's entries, in their order. Found without a branch for each entry: how many a unit has can't
/// be predicted, and to be wrong each time would cost more than all the rest.
#[derive(Debug, Default)]
pub(super) struct Places {
    places: Vec<Place>,
    count: usize,
}

const SLOTS: usize = crate::slots::SLOTS as usize;

/// The slots that each mask names, in their order; what is left is 0.
#[expect(clippy::indexing_slicing, reason = "an index out of bounds would be an error of the compiler")]
static NAMED: [[u8; SLOTS]; 256] = {
    let mut named = [[0; SLOTS]; 256];
    let mut mask = 0;
    while mask < named.len() {
        let (mut slot, mut count) = (0, 0);
        while slot < SLOTS {
            if mask >> slot & 1 == 1 {
                named[mask][count] = slot as u8;
                count += 1;
            }
            slot += 1;
        }
        mask += 1;
    }
    named
};

impl Places {
    pub(super) fn fill(&mut self, masks: &[u8]) {
        self.count = 0;
        self.places.resize(masks.len() * SLOTS, Place::default());
        for (unit, mask) in (0u32..).zip(masks) {
            let Some(free) = self.places.get_mut(self.count..).and_then(<[_]>::first_chunk_mut::<SLOTS>) else { break };
            let Some(named) = NAMED.get(usize::from(*mask)) else { break };
            // All eight are written; only those that the mask names stay.
            *free = named.map(|slot| Place(unit * SLOTS as u32 + u32::from(slot)));
            self.count += mask.count_ones() as usize;
        }
    }

    pub(super) fn list(&self) -> &[Place] {
        self.places.get(..self.count).unwrap_or_default()
    }
}

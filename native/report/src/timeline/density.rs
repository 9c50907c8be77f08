//! How many there were when: exact counts over a run of unknown length.

/// So many parts a run is cut into.
pub(super) const PARTS: usize = 240;

/// The first length of a part, in nanoseconds.
const SHORTEST: u64 = 1 << 10;

/// Counts over time. Where the run outgrows its parts, each becomes twice as long.
#[derive(Debug)]
pub(super) struct Density {
    counts: Vec<u64>,
    /// How long a part is, in nanoseconds.
    length: u64,
}

impl Default for Density {
    fn default() -> Self {
        Density { counts: vec![0; PARTS], length: SHORTEST }
    }
}

impl Density {
    /// Counts one at a time in nanoseconds.
    pub(super) fn add(&mut self, time_ns: u64) {
        while time_ns / self.length >= PARTS as u64 {
            let joined: Vec<u64> = self.counts.chunks(2).map(|pair| pair.iter().sum()).collect();
            self.counts = joined;
            self.counts.resize(PARTS, 0);
            self.length = self.length.saturating_mul(2);
        }
        if let Some(count) = self.counts.get_mut((time_ns / self.length) as usize) {
            *count += 1;
        }
    }

    /// Each part that is not empty: when it begins, how long it is, and how many were in it.
    pub(super) fn parts(&self) -> impl Iterator<Item = (u64, u64, u64)> {
        let parts = self.counts.iter().enumerate();
        parts.filter(|(_, count)| **count > 0).map(|(part, count)| (part as u64 * self.length, self.length, *count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_however_long_a_run_becomes() {
        let mut density = Density::default();
        for time in 0..100_000u64 {
            density.add(time * time);
        }
        assert_eq!(density.parts().map(|(_, _, count)| count).sum::<u64>(), 100_000);
        assert!(density.parts().all(|(start, length, _)| start % length == 0 && start < 100_000 * 100_000));
        density.add(u64::MAX);
        assert_eq!(density.parts().map(|(_, _, count)| count).sum::<u64>(), 100_001);
    }
}

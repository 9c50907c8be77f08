//! One read or write of a map by one goroutine.

/// Nanoseconds since the watch began, on the watcher's monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

/// A goroutine, named by the address of its `runtime.g`. A goroutine moves between threads, so a thread
/// never stands for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Goroutine(pub u64);

/// What an access does to the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `m[k]` on the right-hand side.
    Read,
    /// One step of `for range m`.
    Iterate,
    /// `m[k] = v`.
    Assign,
    /// `delete(m, k)`.
    Delete,
    /// `clear(m)`.
    Clear,
}

impl Kind {
    /// Whether the access changes the map.
    #[must_use]
    pub fn is_write(self) -> bool {
        matches!(self, Kind::Assign | Kind::Delete | Kind::Clear)
    }
}

/// What a goroutine is doing to the flag byte, as a person would say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Looks whether somebody writes.
    Checks,
    /// Reads the byte in order to change it.
    Loads,
    /// Announces its write.
    Sets,
    /// Takes its announcement back.
    Clears,
    /// Changes other flags in the middle of its write.
    Updates,
    /// Begins or goes on iterating.
    Iterates,
}

/// What one instruction did to the flag byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deed {
    /// When it was looked at.
    pub at: Time,
    /// What it is for.
    pub step: Step,
    /// The byte before, as the goroutine itself knew it; `None` where nothing tells.
    pub before: Option<u8>,
    /// The byte after.
    pub after: Option<u8>,
}

/// One access with its window: from the moment it entered the runtime's map code until it left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access<S> {
    /// Who.
    pub goroutine: Goroutine,
    /// The address of the map header.
    pub map: u64,
    /// What it does.
    pub kind: Kind,
    /// When it was first seen inside.
    pub entered: Time,
    /// When it was last known inside; `None` while it is held there.
    pub left: Option<Time>,
    /// What it did to the flag byte when it entered; once it has set the byte, that.
    pub deed: Deed,
    /// What the watcher keeps of the scene: thread, stack.
    pub scene: S,
}

impl<S> Access<S> {
    /// Whether the two windows have an instant in common and belong to a race: two goroutines, one map,
    /// at least one write.
    #[must_use]
    pub fn overlaps<T>(&self, other: &Access<T>) -> bool {
        let begins_before_end = |begin: Time, end: Option<Time>| end.is_none_or(|end| begin <= end);
        self.goroutine != other.goroutine
            && self.map == other.map
            && (self.kind.is_write() || other.kind.is_write())
            && begins_before_end(self.entered, other.left)
            && begins_before_end(other.entered, self.left)
    }
}

//! Traps on a map's flag byte, turned into accesses.
//!
//! What the runtime does with the byte: a reader checks it once on the way in. A writer checks it,
//! loads and stores it with the writing bit set, does its work, checks it again, and loads and stores
//! it with the bit clear (`mapassign`, `mapdelete`, `mapclear` in runtime/map.go up to Go 1.23 and in
//! internal/runtime/maps since Go 1.24). None of this is atomic.

use crate::{Access, Deed, Goroutine, Kind, Overlap, Step, Time};

/// The longest that a trap is taken to wait until it is looked at, in nanoseconds: a writer that left
/// longer ago is not the one whose mark a goroutine saw.
const LONGEST_WAIT: u64 = 250_000_000;

/// Which of the two map implementations: they clear the writing bit differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// `runtime.hmap`: the byte holds other flags too, so a writer may store it with the bit still set.
    Classic,
    /// `internal/runtime/maps.Map`: the byte is only ever toggled, on the way in and on the way out.
    Swiss,
}

/// What one instruction did to the flag byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// Read it to see whether somebody writes.
    Check,
    /// Read it to change it.
    Load,
    /// Wrote it.
    Store,
    /// Set iterator bits in it atomically.
    Mark,
}

/// One trap on the flag byte.
#[derive(Clone, Debug)]
pub struct Hit<S> {
    /// When the trap was looked at. Its thread has been stopped since the instruction itself.
    pub at: Time,
    /// Whose.
    pub goroutine: Goroutine,
    /// What the map function that trapped is for.
    pub kind: Kind,
    /// What the instruction did.
    pub touch: Touch,
    /// The byte as this instruction read or wrote it; `None` where nothing tells.
    pub byte: Option<u8>,
    /// Whether `byte` comes from the thread's own registers. Memory may have moved on since, and then
    /// proves nothing.
    pub exact: bool,
    /// What the watcher keeps of the scene.
    pub scene: S,
}

/// How far a writer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It has checked the byte and not set it yet.
    Checked,
    /// It has set the byte.
    Writing,
    /// It has checked the byte on its way out.
    Leaving,
}

/// An open window.
#[derive(Clone, Debug)]
pub struct Window<S> {
    /// The access it belongs to.
    pub access: Access<S>,
    /// How far it is.
    pub phase: Phase,
    /// The byte as this goroutine last loaded it to change it.
    loaded: Option<u8>,
}

impl<S> Window<S> {
    /// Whether its write is under way with the byte set.
    fn has_marked(&self) -> bool {
        self.access.kind.is_write() && self.phase != Phase::Checked
    }
}

/// What one hit tells.
#[derive(Clone, Debug)]
pub struct Seen<S> {
    /// What the goroutine did.
    pub deed: Deed,
    /// An overlap that the byte proves: one goroutine saw what another, still inside, had stored.
    pub proven: Option<Overlap<S>>,
    /// An overlap by the order in which traps were looked at. That is not always the order in which they
    /// happened: believe it only when both threads, stopped, are seen inside.
    pub suspected: Option<Overlap<S>>,
}

/// Follows every goroutine that touches one map's flag byte.
#[derive(Clone, Debug)]
pub struct FlagWatch<S> {
    map: u64,
    generation: Generation,
    writing_bit: u8,
    windows: Vec<Window<S>>,
    last_writer: Option<Access<S>>,
}

impl<S: Clone> FlagWatch<S> {
    /// Watches the map whose header is at `map` and whose flag byte says "being written" by `writing_bit`.
    #[must_use]
    pub fn new(map: u64, generation: Generation, writing_bit: u8) -> Self {
        FlagWatch { map, generation, writing_bit, windows: Vec::new(), last_writer: None }
    }

    /// Forgets who is inside and who was, as if the watch began now.
    pub fn forget(&mut self) {
        self.windows.clear();
        self.last_writer = None;
    }

    /// The open windows: of writers until they clear the byte, of readers until [`FlagWatch::resumed`].
    #[must_use]
    pub fn windows(&self) -> &[Window<S>] {
        &self.windows
    }

    /// The open window of one goroutine.
    #[must_use]
    pub fn window(&self, goroutine: Goroutine) -> Option<&Window<S>> {
        self.windows.iter().find(|window| window.access.goroutine == goroutine)
    }

    /// A writer other than `goroutine` that is inside by the books.
    #[must_use]
    pub fn other_writer(&self, goroutine: Goroutine) -> Option<&Window<S>> {
        self.windows.iter().find(|w| w.access.goroutine != goroutine && w.access.kind.is_write())
    }

    /// A thread that was stopped at a hit runs on. A reader says nothing when it leaves, so its window is
    /// known open only while it stands still.
    pub fn resumed(&mut self, goroutine: Goroutine, at: Time) {
        if self.window(goroutine).is_some_and(|window| !window.access.kind.is_write()) {
            self.close(goroutine, at);
        }
    }

    /// A goroutine is known to be outside: it was seen elsewhere.
    pub fn gone(&mut self, goroutine: Goroutine, at: Time) {
        self.close(goroutine, at);
    }

    /// Takes one hit.
    pub fn hit(&mut self, hit: Hit<S>) -> Seen<S> {
        match hit.touch {
            Touch::Check | Touch::Mark => self.checks(hit),
            Touch::Load => self.loads(hit),
            Touch::Store => self.stores(hit),
        }
    }

    fn checks(&mut self, hit: Hit<S>) -> Seen<S> {
        let iterates = hit.kind == Kind::Iterate || hit.touch == Touch::Mark;
        let step = if iterates { Step::Iterates } else { Step::Checks };
        let deed = Deed { at: hit.at, step, before: hit.byte, after: hit.byte };
        let (set, exact) = (hit.byte.map(|byte| self.is_set(byte)), hit.exact);
        if hit.kind.is_write() && self.phase(hit.goroutine).is_some_and(|phase| phase != Phase::Checked) {
            self.set_phase(hit.goroutine, Phase::Leaving);
            let proven = if set == Some(false) && exact { self.with_last_writer(hit.goroutine) } else { None };
            return Seen { deed, proven, suspected: None };
        }
        let (goroutine, writes, set) = (hit.goroutine, hit.kind.is_write(), set == Some(true));
        self.enter(hit, deed, Phase::Checked);
        let marked = if set { self.with_last_writer(goroutine) } else { None };
        if set && writes && marked.is_none() {
            // Nobody else is known to write: the mark is its own, from before the watch began.
            self.set_phase(goroutine, Phase::Leaving);
        }
        let proven = marked.filter(|_| exact);
        let suspected = if proven.is_none() { self.suspect(goroutine) } else { None };
        Seen { deed, proven, suspected }
    }

    fn loads(&mut self, hit: Hit<S>) -> Seen<S> {
        let deed = Deed { at: hit.at, step: Step::Loads, before: hit.byte, after: hit.byte };
        let set = hit.byte.map(|byte| self.is_set(byte));
        // On its way in it finds another's mark, or in the middle of its write its own mark gone.
        let changed = hit.exact
            && match self.phase(hit.goroutine) {
                Some(Phase::Checked) => set == Some(true),
                Some(Phase::Writing) => set == Some(false),
                Some(Phase::Leaving) | None => false,
            };
        if let Some(window) = self.window_mut(hit.goroutine) {
            window.loaded = hit.byte;
            if changed && set == Some(true) {
                // What the check said is out of date: this is what it knows now.
                window.access.deed = deed;
                window.access.scene = hit.scene;
            }
        }
        let proven = if changed { self.with_last_writer(hit.goroutine) } else { None };
        Seen { deed, proven, suspected: None }
    }

    fn stores(&mut self, hit: Hit<S>) -> Seen<S> {
        let set = hit.byte.is_some_and(|byte| self.is_set(byte));
        let loaded = self.window_mut(hit.goroutine).and_then(|window| window.loaded.take());
        let deed = |step, before| Deed { at: hit.at, step, before: loaded.or(before), after: hit.byte };
        let toggled = hit.byte.map(|byte| byte ^ self.writing_bit);
        // Its mark was wiped away before it changed other flags.
        let found_clear = loaded.is_some_and(|byte| !self.is_set(byte));
        match self.phase(hit.goroutine) {
            Some(phase @ (Phase::Writing | Phase::Leaving))
                if self.generation == Generation::Classic && (set || (phase == Phase::Writing && found_clear)) =>
            {
                Seen { deed: deed(Step::Updates, hit.byte), proven: None, suspected: None }
            }
            Some(Phase::Writing | Phase::Leaving) => {
                self.close(hit.goroutine, hit.at);
                Seen { deed: deed(Step::Clears, toggled), proven: None, suspected: None }
            }
            // Its window began before the watch was armed.
            None if !set => Seen { deed: deed(Step::Clears, toggled), proven: None, suspected: None },
            None | Some(Phase::Checked) => {
                let deed = deed(Step::Sets, toggled);
                let suspected = self.sets(hit, deed);
                Seen { deed, proven: None, suspected }
            }
        }
    }

    /// A goroutine is about to die in the runtime's fatal function: it saw the byte wrong. Returns the
    /// overlap with the last other writer, where one was seen.
    pub fn dying(&mut self, at: Time, goroutine: Goroutine, kind: Kind, scene: S) -> Option<Overlap<S>> {
        match self.window_mut(goroutine) {
            // It has not set the byte: should it be rescued, it is still on its way in.
            Some(window) if window.access.deed.step == Step::Checks => window.phase = Phase::Checked,
            Some(_) => {}
            None => {
                let byte = Some(self.writing_bit);
                let deed = Deed { at, step: Step::Checks, before: byte, after: byte };
                let access = Access { goroutine, map: self.map, kind, entered: at, left: None, deed, scene };
                self.windows.push(Window { access, phase: Phase::Checked, loaded: None });
            }
        }
        self.with_last_writer(goroutine)
    }

    fn sets(&mut self, hit: Hit<S>, deed: Deed) -> Option<Overlap<S>> {
        let goroutine = hit.goroutine;
        match self.window_mut(goroutine) {
            // The scene of the store is the one to show: here the byte is clobbered.
            Some(window) => {
                window.phase = Phase::Writing;
                window.access.deed = deed;
                window.access.scene = hit.scene;
            }
            None => self.enter(hit, deed, Phase::Writing),
        }
        self.suspect(goroutine)
    }

    fn enter(&mut self, hit: Hit<S>, deed: Deed, phase: Phase) {
        let Hit { at, goroutine, kind, scene, .. } = hit;
        self.close(goroutine, at);
        let access = Access { goroutine, map: self.map, kind, entered: at, left: None, deed, scene };
        self.windows.push(Window { access, phase, loaded: None });
    }

    /// The other open windows, the latest first.
    fn others(&self, goroutine: Goroutine) -> impl Iterator<Item = &Window<S>> {
        self.windows.iter().rev().filter(move |window| window.access.goroutine != goroutine)
    }

    /// The overlap of a goroutine's open window with the latest other, where one of the two has marked
    /// the byte. Two that have only checked it are inside too, but a moment later one of them shows more;
    /// and a writer whose key can't be hashed has left after its check without a sign.
    fn suspect(&self, goroutine: Goroutine) -> Option<Overlap<S>> {
        let own = self.window(goroutine)?;
        let mut suspects = self
            .others(goroutine)
            .filter(|other| other.has_marked() || (own.has_marked() && !other.access.kind.is_write()));
        Overlap::between(suspects.next()?.access.clone(), own.access.clone())
    }

    /// The overlap of a goroutine's open window with the writer that last stored the byte.
    fn with_last_writer(&self, goroutine: Goroutine) -> Option<Overlap<S>> {
        let own = self.window(goroutine)?.access.clone();
        let is_recent = |at: Time| own.entered.0.saturating_sub(at.0) <= LONGEST_WAIT;
        let marked = self.others(goroutine).find(|window| window.has_marked());
        // A store that waits to be looked at: by the books its writer has only checked the byte.
        let mut writers = self.others(goroutine).filter(|window| window.access.kind.is_write());
        let open = marked.or_else(|| writers.find(|window| is_recent(window.access.entered)));
        let left = || {
            let last = self.last_writer.as_ref().filter(|writer| writer.goroutine != goroutine)?;
            last.left.is_some_and(is_recent).then_some(last)
        };
        let mut writer = open.map(|window| &window.access).or_else(left)?.clone();
        // What the byte proves: the writer was still inside when this goroutine looked, even if the
        // writer's own way out was looked at first.
        writer.left = writer.left.map(|left| left.max(own.entered));
        Overlap::between(writer, own)
    }

    fn close(&mut self, goroutine: Goroutine, at: Time) {
        if let Some(position) = self.windows.iter().position(|w| w.access.goroutine == goroutine) {
            let mut window = self.windows.remove(position);
            window.access.left = Some(at.max(window.access.entered));
            if window.access.kind.is_write() && window.phase != Phase::Checked {
                self.last_writer = Some(window.access);
            }
        }
    }

    fn is_set(&self, byte: u8) -> bool {
        byte & self.writing_bit != 0
    }

    fn phase(&self, goroutine: Goroutine) -> Option<Phase> {
        self.window(goroutine).map(|window| window.phase)
    }

    fn window_mut(&mut self, goroutine: Goroutine) -> Option<&mut Window<S>> {
        self.windows.iter_mut().find(|window| window.access.goroutine == goroutine)
    }

    fn set_phase(&mut self, goroutine: Goroutine, phase: Phase) {
        if let Some(window) = self.window_mut(goroutine) {
            window.phase = phase;
        }
    }
}

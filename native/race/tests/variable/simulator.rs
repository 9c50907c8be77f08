//! Goroutines that work on one variable, on threads that trap at each access, and a watcher that takes the traps.
//!
//! Time goes on by chance at each step of a thread: an instruction is done, its trap takes its first time, its last,
//! the thread goes on.

use std::collections::HashSet;

use race::{Action, Between, Code, Derived, Goroutine, Proven, Time, VarAccess, VarWatch};

/// How the program keeps its goroutines apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Each section under a mutex.
    Mutex,
    /// The same; sections that only read may be several at a time.
    RwMutex,
    /// They hand a token around, and only who has it works.
    Token,
    /// A mutex around each access.
    EachStep,
    /// Not at all.
    Not,
}

/// What a goroutine does in one section.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Section {
    /// Reads.
    Look,
    /// Writes a number of its own.
    Set(u8),
    /// Adds one in one instruction.
    Update,
    /// Reads, and writes one more.
    ReadWrite,
    /// Reads, and looks again before it writes one more: only if nothing has changed.
    ReadCheckWrite,
    /// Adds one atomically.
    Atomic,
}

/// What the watcher keeps of an access: in which section of which goroutine, and which access of that.
pub(crate) type Scene = (u64, usize, usize);

/// All accesses, in the order of their traps, and what was lost by the truth: the scenes of the stores.
pub(crate) struct Ran {
    pub(crate) accesses: Vec<VarAccess<Scene>>,
    pub(crate) lost: HashSet<Scene>,
    sections: Vec<Vec<Section>>,
    kept: Kept,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Enter,
    Read,
    /// Reads, and leaves the section if the value is not what it was.
    Check,
    Write(u8),
    WriteComputed,
    Update,
    Atomic,
    Leave,
}

struct Thread {
    acts: Vec<(Act, usize, bool)>,
    next: usize,
    /// The access whose trap is on, and how far: 0 done, 1 the first time taken, 2 the last.
    trapped: Option<(VarAccess<Scene>, u8)>,
    read: u64,
    count: usize,
    skips: bool,
}

/// Runs the goroutines' sections, by chances: which thread goes on, and how much time passes.
pub(crate) fn run(kept: Kept, sections: &[Vec<Section>], chances: &[(u8, u8)]) -> Ran {
    let mut threads: Vec<Thread> = sections.iter().map(|sections| thread(kept, sections)).collect();
    let mut ran = Ran { accesses: Vec::new(), lost: HashSet::new(), sections: sections.to_vec(), kept };
    let (mut now, mut value) = (0u64, 0u64);
    // Who holds the lock, and whether with others.
    let mut holders: Vec<usize> = Vec::new();
    let mut shared = false;
    let mut token = 0;
    let mut chances = chances.iter().cycle();
    loop {
        let can_go = |number: usize, thread: &Thread| match thread.acts.get(thread.next) {
            _ if thread.trapped.is_some() => true,
            None => false,
            Some((Act::Enter, _, reads)) => match kept {
                Kept::Not => true,
                Kept::Token => token % sections.len() == number || sections.iter().all(|it| it.len() <= 1),
                Kept::RwMutex if *reads && shared => true,
                _ => holders.is_empty(),
            },
            Some(_) => true,
        };
        let able: Vec<usize> = (0..threads.len()).filter(|&number| can_go(number, &threads[number])).collect();
        // The next in turn has nothing more to do.
        if able.is_empty() && kept == Kept::Token && threads.iter().any(|it| it.next < it.acts.len()) {
            token += 1;
            continue;
        }
        if able.is_empty() {
            break;
        }
        let (who, pause) = chances.next().unwrap();
        let number = able[usize::from(*who) % able.len()];
        now += 1 + u64::from(*pause);
        let thread = &mut threads[number];
        if let Some((access, step)) = &mut thread.trapped {
            match step {
                0 => access.from = Time(now),
                1 => access.to = Time(now),
                _ => {
                    ran.accesses.push(access.clone());
                    thread.trapped = None;
                    continue;
                }
            }
            *step += 1;
            continue;
        }
        let (act, section, reads) = thread.acts[thread.next];
        thread.next += 1;
        match act {
            Act::Enter => {
                if kept == Kept::Token && !(holders.is_empty() && token % sections.len() == number) {
                    thread.next -= 1;
                    token += usize::from(holders.is_empty());
                    continue;
                }
                thread.skips = false;
                holders.push(number);
                shared = reads;
                continue;
            }
            Act::Leave => {
                holders.retain(|holder| *holder != number);
                shared &= !holders.is_empty();
                token += usize::from(kept == Kept::Token);
                continue;
            }
            _ if thread.skips => continue,
            _ => {}
        }
        let before = value;
        let (action, atomic, raised) = match act {
            Act::Read | Act::Check => {
                thread.skips = act == Act::Check && thread.read != value;
                thread.read = value;
                (Action::Read, false, None)
            }
            Act::Write(number) => {
                value = u64::from(number);
                (Action::Write, false, None)
            }
            Act::WriteComputed => {
                if value != thread.read {
                    ran.lost.insert((number as u64, section, thread.count));
                }
                value = thread.read + 1;
                (Action::Write, false, None)
            }
            Act::Update => (Action::Update, false, Some(1)),
            _ => (Action::Update, true, Some(1)),
        };
        if action == Action::Update {
            value += 1;
        }
        let access = VarAccess {
            goroutine: Goroutine(number as u64),
            from: Time(0),
            to: Time(0),
            action,
            atomic,
            own: true,
            bytes: 0xff,
            before: (action == Action::Read).then_some(before),
            after: (action != Action::Update).then_some(value),
            raised,
            scene: (number as u64, section, thread.count),
        };
        thread.count += 1;
        thread.trapped = Some((access, 0));
    }
    ran.accesses.sort_by_key(|access| access.from);
    ran
}

fn thread(kept: Kept, sections: &[Section]) -> Thread {
    let mut acts = Vec::new();
    for (number, section) in sections.iter().enumerate() {
        let steps: &[Act] = match section {
            Section::Look => &[Act::Read],
            Section::Set(value) => &[Act::Write(*value)],
            Section::Update => &[Act::Update],
            Section::ReadWrite => &[Act::Read, Act::WriteComputed],
            Section::ReadCheckWrite => &[Act::Read, Act::Check, Act::WriteComputed],
            Section::Atomic => &[Act::Atomic],
        };
        let reads = matches!(section, Section::Look);
        if kept == Kept::EachStep && matches!(section, Section::ReadCheckWrite) {
            // The check and the write belong together.
            let apart = [&[Act::Enter, Act::Read, Act::Leave, Act::Enter][..], &steps[1..], &[Act::Leave]].concat();
            acts.extend(apart.into_iter().map(|act| (act, number, false)));
        } else if kept == Kept::EachStep {
            acts.extend(steps.iter().flat_map(|step| [Act::Enter, *step, Act::Leave]).map(|act| (act, number, reads)));
        } else if matches!(section, Section::Atomic) {
            acts.push((Act::Atomic, number, false));
        } else {
            acts.extend([&[Act::Enter][..], steps, &[Act::Leave]].concat().into_iter().map(|act| (act, number, reads)));
        }
    }
    Thread { acts, next: 0, trapped: None, read: 0, count: 0, skips: false }
}

impl Ran {
    /// What a watcher makes of it.
    pub(crate) fn proven(&mut self) -> Vec<(Scene, Proven<Scene>)> {
        let mut watch = VarWatch::new(8);
        let accesses = self.accesses.clone();
        accesses.into_iter().map(|access| (access.scene, watch.take(access, self))).collect()
    }

    fn section(&self, scene: Scene) -> Section {
        self.sections[scene.0 as usize][scene.1]
    }

    /// Whether two accesses of different goroutines are at the same time, or one in a stretch of the other, and they
    /// make a race: what a watcher can know.
    pub(crate) fn is_any_race(&mut self) -> bool {
        let accesses = self.accesses.clone();
        let mut stretches: Vec<Vec<VarAccess<Scene>>> = Vec::new();
        for access in accesses {
            let own = |stretch: &&mut Vec<VarAccess<Scene>>| stretch[0].goroutine == access.goroutine;
            let last = stretches.iter_mut().rfind(own);
            match last {
                Some(stretch) if self.stretch(stretch.last().unwrap(), &access).is_some() => stretch.push(access),
                _ => stretches.push(vec![access]),
            }
        }
        let writes = |stretch: &[VarAccess<Scene>]| stretch.iter().any(|it| it.action != Action::Read && !it.atomic);
        let window = |stretch: &[VarAccess<Scene>]| (stretch[0].from, stretch.last().unwrap().to);
        stretches.iter().enumerate().any(|(number, one)| {
            stretches[..number].iter().any(|other| {
                let ((from, to), (other_from, other_to)) = (window(one), window(other));
                let meet = from < other_to && other_from < to;
                one[0].goroutine != other[0].goroutine && meet && (writes(one) || writes(other))
            })
        })
    }
}

impl Code<Scene> for Ran {
    fn stretch(&mut self, first: &VarAccess<Scene>, second: &VarAccess<Scene>) -> Option<Between> {
        let (goroutine, section, count) = first.scene;
        let is_stretch = self.kept != Kept::EachStep && second.scene == (goroutine, section, count + 1);
        is_stretch.then_some(Between::Nothing)
    }

    fn derivation(&mut self, read: &VarAccess<Scene>, stored: &VarAccess<Scene>) -> Option<Derived> {
        let is_next = (read.scene.0, read.scene.1) == (stored.scene.0, stored.scene.1);
        let computes = match self.section(stored.scene) {
            Section::ReadWrite => true,
            // What it stores comes from the first read.
            _ => false,
        };
        (is_next && computes).then_some(Derived::Computed)
    }
}

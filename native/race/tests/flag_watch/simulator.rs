//! A process whose goroutines do to a flag byte what the Go runtime does, and a watcher that looks at
//! their traps in any order.
//!
//! Each goroutine executes one instruction on the byte at a time. It then stands still: its trap waits
//! until the watcher looks at it, and after that until the watcher lets it go. Which of all that is
//! possible comes next is chosen from outside.

use std::collections::VecDeque;

use race::{FlagWatch, Generation, Goroutine, Hit, Kind, Overlap, Step, Time, Touch};

pub(crate) const MAP: u64 = 0xc000_0000;

/// The bits of a classic map's flag byte (Go 1.23, src/runtime/map.go).
const ITERATORS: u8 = 1 | 2;
const SAME_SIZE_GROW: u8 = 8;

/// One operation on the map, as the program's source has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    pub(crate) kind: Kind,
    /// Its key can't be hashed: it goes no further than the first check.
    pub(crate) panics: bool,
    /// How often it changes other flags in the middle of its write (classic), or how many steps it
    /// iterates.
    pub(crate) times: u8,
    /// Whether the byte is loaded again before it is changed, or the check's value used.
    pub(crate) loads: bool,
}

/// How the program keeps its goroutines apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lock {
    Mutex,
    RwMutex,
    None,
}

/// A run: what the goroutines do, and what happens in which order.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) generation: Generation,
    pub(crate) lock: Lock,
    pub(crate) goroutines: Vec<Vec<Operation>>,
    /// The next of all possible events, each time.
    pub(crate) order: Vec<u16>,
    /// Each bit: whether the value of the next check is in the thread's registers.
    pub(crate) exact: u64,
    /// After so many instructions the watch begins.
    pub(crate) armed_after: usize,
}

/// What an instruction does to the byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Lock {
        shared: bool,
    },
    Unlock {
        shared: bool,
    },
    /// A read that doesn't mind whether somebody writes.
    Look,
    CheckClear,
    CheckSet,
    Load,
    Set,
    Update,
    Clear,
    Mark,
}

#[derive(Clone, Copy, Debug)]
struct Instruction {
    act: Act,
    kind: Kind,
    /// The access it belongs to, of all accesses of all goroutines.
    access: usize,
    /// Whether the access is over after it.
    last: bool,
}

/// When an access really was inside, in events of the simulation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Truth {
    pub(crate) goroutine: Goroutine,
    pub(crate) kind: Kind,
    pub(crate) from: Option<u64>,
    /// When it set the byte.
    pub(crate) set: Option<u64>,
    /// When it cleared the byte.
    pub(crate) cleared: Option<u64>,
    pub(crate) until: Option<u64>,
}

/// What the watcher was told of one trap, and what it made of it.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) goroutine: Goroutine,
    pub(crate) step: Step,
    pub(crate) before: u8,
    pub(crate) after: u8,
    /// Its own registers say that another goroutine is inside.
    pub(crate) alarm: bool,
    pub(crate) deed: race::Deed,
    pub(crate) proven: Option<Overlap<usize>>,
    pub(crate) suspected: Option<Overlap<usize>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) events: Vec<Event>,
    pub(crate) accesses: Vec<Truth>,
    /// The goroutine that died in the fatal function, and the overlap that is told of it.
    pub(crate) death: Option<(Goroutine, Option<Overlap<usize>>)>,
    /// Windows that are still open by the books after all goroutines have ended.
    pub(crate) left_open: usize,
}

impl Outcome {
    /// Whether the accesses of an overlap were really inside at the same time.
    pub(crate) fn is_true(&self, overlap: &Overlap<usize>) -> bool {
        let [a, b] = [&overlap.first, &overlap.second].map(|access| {
            let truth = self.accesses[access.scene];
            assert_eq!((truth.goroutine, truth.kind), (access.goroutine, access.kind));
            truth
        });
        let ends = |truth: Truth| truth.until.unwrap_or(u64::MAX);
        let together = a.from.unwrap() <= ends(b) && b.from.unwrap() <= ends(a);
        together && a.goroutine != b.goroutine && (a.kind.is_write() || b.kind.is_write())
    }
}

enum State {
    Runs,
    /// Its trap waits to be looked at.
    Trapped(Instruction, Trap),
    /// It was looked at, and stands still.
    Held(Instruction),
    /// It is at the fatal function, which nobody has looked at.
    Dying(Instruction),
}

struct Trap {
    byte: u8,
    before: u8,
    exact: bool,
    alarm: bool,
}

struct Thread {
    goroutine: Goroutine,
    instructions: VecDeque<Instruction>,
    register: u8,
    dies: bool,
    state: State,
}

struct Simulation {
    generation: Generation,
    bit: u8,
    byte: u8,
    now: u64,
    readers: usize,
    locked: bool,
    exact: u64,
    threads: Vec<Thread>,
    watch: FlagWatch<usize>,
    outcome: Outcome,
}

impl Run {
    /// Runs until all goroutines have ended, one has died, or an overlap is found: from then on the byte
    /// may be wrong, as racers leave it.
    pub(crate) fn simulate(&self) -> Outcome {
        let bit = if self.generation == Generation::Classic { 4 } else { 1 };
        let outcome = Outcome { events: Vec::new(), accesses: Vec::new(), death: None, left_open: 0 };
        let mut simulation = Simulation {
            generation: self.generation,
            bit,
            byte: 0,
            now: 0,
            readers: 0,
            locked: false,
            exact: self.exact,
            threads: Vec::new(),
            watch: FlagWatch::new(MAP, self.generation, bit),
            outcome,
        };
        for (number, operations) in self.goroutines.iter().enumerate() {
            let goroutine = Goroutine(0x100 * (number as u64 + 1));
            let mut instructions = VecDeque::new();
            for operation in operations {
                self.write_out(goroutine, *operation, &mut instructions, &mut simulation.outcome.accesses);
            }
            simulation.threads.push(Thread { goroutine, instructions, register: 0, dies: false, state: State::Runs });
        }
        simulation.run(self)
    }

    /// The instructions of one operation.
    fn write_out(
        &self,
        goroutine: Goroutine,
        operation: Operation,
        into: &mut VecDeque<Instruction>,
        accesses: &mut Vec<Truth>,
    ) {
        let Operation { kind, panics, times, loads } = operation;
        let classic = self.generation == Generation::Classic;
        let shared = self.lock == Lock::RwMutex && !kind.is_write();
        let times = times.into();
        // Each inner list is an access of its own: a reader is known to be inside only at its traps.
        let acts: Vec<Vec<Act>> = match kind {
            Kind::Read => vec![vec![Act::CheckClear]],
            Kind::Iterate => {
                let begins = if classic { vec![vec![Act::Look], vec![Act::Mark]] } else { vec![] };
                begins.into_iter().chain(vec![vec![Act::CheckClear]; times]).collect()
            }
            _ if panics => vec![vec![Act::CheckClear]],
            _ => {
                let load = |act| if loads { vec![Act::Load, act] } else { vec![act] };
                let updates = if classic { vec![vec![Act::Load, Act::Update]; times].concat() } else { vec![] };
                let check = vec![Act::CheckClear];
                vec![[check, load(Act::Set), updates, vec![Act::CheckSet], load(Act::Clear)].concat()]
            }
        };
        let instruction = |act, access| Instruction { act, kind, access, last: false };
        into.push_back(instruction(Act::Lock { shared }, usize::MAX));
        for acts in acts {
            into.extend(acts.into_iter().map(|act| instruction(act, accesses.len())));
            into.back_mut().unwrap().last = true;
            accesses.push(Truth { goroutine, kind, from: None, set: None, cleared: None, until: None });
        }
        into.push_back(instruction(Act::Unlock { shared }, usize::MAX));
        if self.lock == Lock::None {
            into.retain(|instruction| instruction.access != usize::MAX);
        }
    }
}

impl Simulation {
    fn run(mut self, run: &Run) -> Outcome {
        let mut executed = 0;
        for turn in 0.. {
            let possible: Vec<usize> = (0..self.threads.len()).filter(|thread| self.is_possible(*thread)).collect();
            if possible.is_empty() {
                break;
            }
            let choice = run.order.get(turn % run.order.len().max(1)).copied().unwrap_or(0);
            let thread = possible[usize::from(choice) % possible.len()];
            self.now += 1;
            match std::mem::replace(&mut self.threads[thread].state, State::Runs) {
                State::Runs => {
                    self.execute(thread, executed >= run.armed_after);
                    executed += 1;
                }
                State::Trapped(instruction, trap) => {
                    if self.look(thread, instruction, trap) {
                        return self.outcome;
                    }
                    self.threads[thread].state = State::Held(instruction);
                }
                State::Held(instruction) => self.let_go(thread, instruction),
                State::Dying(instruction) => {
                    let goroutine = self.threads[thread].goroutine;
                    let told = self.watch.dying(Time(self.now), goroutine, instruction.kind, instruction.access);
                    self.outcome.death = Some((goroutine, told));
                    return self.outcome;
                }
            }
        }
        self.outcome.left_open = self.watch.windows().len();
        self.outcome
    }

    fn is_possible(&self, thread: usize) -> bool {
        let Thread { state: State::Runs, instructions, .. } = &self.threads[thread] else { return true };
        match instructions.front().map(|instruction| instruction.act) {
            None => false,
            Some(Act::Lock { shared }) => !self.locked && (shared || self.readers == 0),
            Some(_) => true,
        }
    }

    fn execute(&mut self, thread: usize, watched: bool) {
        let instruction = self.threads[thread].instructions.pop_front().unwrap();
        let before = self.byte;
        let set = before & self.bit != 0;
        let register = self.threads[thread].register;
        let mut alarm = false;
        match instruction.act {
            Act::Lock { shared: true } => self.readers += 1,
            Act::Lock { shared: false } => self.locked = true,
            Act::Unlock { shared: true } => self.readers -= 1,
            Act::Unlock { shared: false } => self.locked = false,
            Act::Look => alarm = set,
            Act::CheckClear | Act::CheckSet => {
                alarm = set == (instruction.act == Act::CheckClear);
                self.threads[thread].dies = alarm;
                self.threads[thread].register = before;
            }
            Act::Load => {
                let next = self.threads[thread].instructions.front().unwrap().act;
                alarm = set == (next == Act::Set) && next != Act::Clear;
                self.threads[thread].register = before;
            }
            Act::Set => {
                self.byte = register ^ self.bit;
                self.outcome.accesses[instruction.access].set = Some(self.now);
            }
            Act::Clear => {
                let classic = self.generation == Generation::Classic;
                self.byte = if classic { register & !self.bit } else { register ^ self.bit };
                self.outcome.accesses[instruction.access].cleared = Some(self.now);
            }
            Act::Update => self.byte = register ^ SAME_SIZE_GROW,
            Act::Mark => {
                self.byte |= ITERATORS;
                alarm = set;
            }
        }
        if matches!(instruction.act, Act::Lock { .. } | Act::Unlock { .. }) {
            return;
        }
        self.outcome.accesses[instruction.access].from.get_or_insert(self.now);
        let is_check = matches!(instruction.act, Act::Look | Act::CheckClear | Act::CheckSet);
        if watched {
            let exact = !is_check || self.exact & 1 != 0;
            if is_check {
                self.exact = self.exact.rotate_right(1);
            }
            let before = match instruction.act {
                Act::Set | Act::Update | Act::Clear => register,
                // An atomic OR doesn't tell what was there.
                Act::Mark => self.byte,
                _ => before,
            };
            let trap = Trap { byte: self.byte, before, exact, alarm };
            self.threads[thread].state = State::Trapped(instruction, trap);
        } else {
            self.let_go(thread, instruction);
        }
    }

    /// Looks at a thread's trap. Returns whether that shows an overlap.
    fn look(&mut self, thread: usize, instruction: Instruction, trap: Trap) -> bool {
        let Thread { goroutine, .. } = self.threads[thread];
        let Trap { byte, before, exact, alarm } = trap;
        let Instruction { act, kind, access: scene, .. } = instruction;
        let iterates = kind == Kind::Iterate;
        let (touch, step) = match act {
            Act::Look | Act::CheckClear | Act::CheckSet => {
                (Touch::Check, if iterates { Step::Iterates } else { Step::Checks })
            }
            Act::Load => (Touch::Load, Step::Loads),
            Act::Mark => (Touch::Mark, Step::Iterates),
            Act::Set => (Touch::Store, Step::Sets),
            Act::Update => (Touch::Store, Step::Updates),
            Act::Clear => (Touch::Store, Step::Clears),
            Act::Lock { .. } | Act::Unlock { .. } => unreachable!(),
        };
        // What isn't in a register is read from memory, which may have moved on.
        let byte = if exact { byte } else { self.byte };
        let seen = self.watch.hit(Hit { at: Time(self.now), goroutine, kind, touch, byte: Some(byte), exact, scene });
        let shows = seen.proven.is_some() || seen.suspected.is_some();
        self.outcome.events.push(Event {
            goroutine,
            step,
            before,
            after: byte,
            alarm: alarm && exact,
            deed: seen.deed,
            proven: seen.proven,
            suspected: seen.suspected,
        });
        shows
    }

    fn let_go(&mut self, thread: usize, instruction: Instruction) {
        let Thread { goroutine, dies, .. } = self.threads[thread];
        if dies {
            self.threads[thread].state = State::Dying(instruction);
            return;
        }
        self.watch.resumed(goroutine, Time(self.now));
        if instruction.last {
            self.outcome.accesses[instruction.access].until = Some(self.now);
        }
    }
}

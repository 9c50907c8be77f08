//! The catch, in a debugger or out of it: a stop at a map's flag byte in, an access and what to do next
//! out.
//!
//! Whoever holds the process (gdb, lldb, ptrace) gives the stopped thread's registers and memory; nothing
//! here stops or resumes anything.

mod site;

use std::collections::{HashMap, HashSet};

use gomap::Layout;
use goprogram::{Program, Register};
use race::{Deed, FlagWatch, Generation, Hit, Kind, Overlap, Phase, Seen, Time, Touch, Window};

use crate::argument;
use crate::error::Error;
use crate::expression::MapValue;
use crate::goroutine;
use crate::map::{self, HeaderFacts};
use crate::memory::{LoadBias, RuntimeAddr, read_uint};
use crate::stack::{self, Frame, Pc};
use crate::target::Target;
use crate::threads::{self, Inside, Thread};
use site::{Site, Sites, value};

/// Registers of a stopped thread. A register that can't be read is `None`.
pub type Registers<'a> = dyn Fn(Register) -> Option<u64> + 'a;

/// What is kept of an access, to be shown if it turns out to be a culprit's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scene {
    /// The kernel's number of the thread.
    pub thread: u32,
    /// The goroutine's number; `None` where its `g` could not be read.
    pub goid: Option<u64>,
    /// Its stack, innermost frame first.
    pub stack: Vec<Pc>,
}

/// One access to the flag byte, as it is shown when it comes.
#[derive(Clone, Debug)]
pub struct Caught {
    /// When.
    pub at: Time,
    /// Whose: the address of its `runtime.g`.
    pub goroutine: race::Goroutine,
    /// What the map function is for.
    pub kind: Kind,
    /// What it did to the byte.
    pub deed: Deed,
    /// The scene.
    pub scene: Scene,
    /// An overlap that the byte proves.
    pub proven: Option<Overlap<Scene>>,
    /// An overlap by order of arrival, to be confirmed by looking at both threads.
    pub suspected: Option<Overlap<Scene>>,
    /// Whether the thread now stands inside its window, so that holding it leaves the door open.
    pub inside: bool,
    /// When its window began; `None` where that was not seen.
    pub entered: Option<Time>,
    /// Whether it has just left its window.
    pub left: bool,
}

/// What a stop at the flag byte was.
#[derive(Clone, Debug)]
pub enum Stop {
    /// A map function's access.
    Access(Box<Caught>),
    /// Something else touched the byte: not a map function, or an instruction that can't be decoded.
    Foreign {
        /// The thread.
        thread: u32,
        /// Where.
        at: Frame,
    },
}

/// Where a goroutine that reached the fatal function came from.
#[derive(Clone, Debug)]
pub struct Dying {
    /// Whose: the address of its `runtime.g`.
    pub goroutine: race::Goroutine,
    /// The scene at the fatal function's first instruction.
    pub scene: Scene,
    /// What the map function is for.
    pub kind: Kind,
    /// Whether it dies on its way out: it found its own mark gone.
    pub leaving: bool,
    /// Both culprits, where the other was seen.
    pub overlap: Option<Overlap<Scene>>,
}

/// How a thread goes on so that its process outlives the race.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rescue {
    /// Do the last instruction once more, and so stay where it is.
    Again {
        /// The new program counter.
        pc: u64,
        /// The new stack pointer.
        sp: u64,
    },
    /// Return from the fatal function as if nothing had been.
    Return {
        /// The new program counter: the instruction after the call.
        pc: u64,
        /// The new stack pointer.
        sp: u64,
        /// What the flag byte must be first, so that the goroutine's next toggle leaves it true;
        /// `None` where it is right as it is.
        flag: Option<u8>,
    },
    /// It can't be rescued, and why.
    Impossible {
        /// In words.
        why: &'static str,
    },
}

/// Follows the flag byte of one map, of which no more need be known than where its header is.
#[derive(Debug)]
pub struct FlagTrap<M = MapValue> {
    map: M,
    header: RuntimeAddr,
    layout: Layout,
    watch: FlagWatch<Scene>,
    sites: Sites,
    /// What each goroutine saw that has checked the byte and not touched it since.
    checked: HashMap<race::Goroutine, Checked>,
}

/// What a goroutine saw when it checked the byte.
#[derive(Clone, Copy, Debug)]
struct Checked {
    kind: Kind,
    /// The writing bit.
    set: bool,
    /// Whether the runtime takes that for a race: set on the way in, or clear on a writer's way out.
    doomed: bool,
}

/// A call with a 32-bit displacement, as the compiler writes every call of the fatal function (amd64).
const CALL_AMD64: (u8, u64) = (0xe8, 5);

/// A writer that has checked the byte and not set it for so many nanoseconds isn't going to.
const LONGEST_VISIT: u64 = 100_000_000;

impl FlagTrap {
    /// Prepares to follow a map's flag byte.
    ///
    /// # Errors
    /// The program doesn't tell its layout, or there is no memory where the header should be.
    pub fn new(target: &Target<'_>, map: MapValue) -> Result<Self, Error> {
        let header = map.not_nil()?;
        FlagTrap::of(target, map, header)
    }
}

impl FlagTrap<()> {
    /// The same of a map that is only known by its header's address.
    ///
    /// # Errors
    /// As [`FlagTrap::new`].
    pub fn at(target: &Target<'_>, header: RuntimeAddr) -> Result<Self, Error> {
        FlagTrap::of(target, (), header)
    }
}

impl<M> FlagTrap<M> {
    fn of(target: &Target<'_>, map: M, header: RuntimeAddr) -> Result<Self, Error> {
        let HeaderFacts { layout, .. } = map::header_at(target, header)?;
        let generation = match layout {
            Layout::Classic(_) => Generation::Classic,
            Layout::Swiss(_) => Generation::Swiss,
        };
        let watch = FlagWatch::new(header.0, generation, layout.writing_bit());
        let sites = Sites::new(&layout);
        Ok(FlagTrap { map, header, layout, watch, sites, checked: HashMap::new() })
    }

    /// Looks up now what stops ask for, so that no thread stands still for it later.
    pub fn prepare(&mut self, target: &Target<'_>) {
        let program = target.program;
        // What can't be told now is not told then either.
        let _ = program.runtime_layout();
        for function in program.functions().filter(|function| program.map_function(&function.name).is_some()) {
            let entry = Pc { addr: target.bias.to_runtime(function.entry), cfa: RuntimeAddr(0), is_return: false };
            self.may_touch(program, target.bias, entry.addr);
            let _ = program.caller_frame(function.entry);
            let _ = stack::lines(target, entry);
            argument::prepare(target, function.entry);
        }
    }

    /// The map that is followed.
    #[must_use]
    pub fn map(&self) -> &M {
        &self.map
    }

    /// Where the flag byte is.
    #[must_use]
    pub fn flag(&self) -> RuntimeAddr {
        self.header.plus(self.layout.flag_offset())
    }

    /// The bit of the flag byte that says "being written".
    #[must_use]
    pub fn writing_bit(&self) -> u8 {
        self.layout.writing_bit()
    }

    /// The flag byte in words: `iterator|hashWriting`, `writing`, `0`.
    #[must_use]
    pub fn describe_flags(&self, flags: u8) -> String {
        self.layout.describe_flags(flags)
    }

    /// The registers that tell what an access does and whose it is. No others need be known.
    #[must_use]
    pub fn registers(&self, program: &Program) -> HashSet<Register> {
        let mut registers = self.sites.registers(program);
        registers.extend([Register::Rip, Register::R14]);
        registers
    }

    /// Accesses may be missing from now on: all that is known of goroutines is forgotten.
    pub fn forget(&mut self) {
        self.watch.forget();
        self.checked.clear();
    }

    /// Whether a thread that stopped at `pc` may have touched this byte, as far as the instruction alone
    /// tells: its registers decide.
    pub fn may_touch(&mut self, program: &Program, bias: LoadBias, pc: RuntimeAddr) -> bool {
        self.sites.at(program, bias, pc).is_some()
    }

    /// Whether a stopped thread's last instruction touched this very byte.
    pub fn touches(&mut self, target: &Target<'_>, registers: &Registers<'_>) -> bool {
        let flag = self.flag().0;
        let Some(pc) = registers(Register::Rip) else { return false };
        self.sites.at(target.program, target.bias, RuntimeAddr(pc)).is_some_and(|site| {
            site.access.effective_address(&|register| registers(register).unwrap_or(0)) == Some(flag)
        })
    }

    /// Takes a stop at the flag byte: what its thread did, and what it proves.
    pub fn stop(&mut self, target: &Target<'_>, at: Time, thread: u32, registers: &Registers<'_>) -> Stop {
        let flag = self.flag();
        let byte = || read_uint(target.memory, flag, 1).ok().map(|byte| byte as u8);
        self.take(target, at, thread, registers, byte, || scene(target, thread, registers))
    }

    /// The same of a thread that has run on since: all is given, and nothing is read from the process. `byte` is
    /// asked for what the byte was, where the registers don't tell, and `scene` for what to keep.
    pub fn take(
        &mut self,
        target: &Target<'_>,
        at: Time,
        thread: u32,
        registers: &Registers<'_>,
        byte: impl FnOnce() -> Option<u8>,
        scene: impl FnOnce() -> Scene,
    ) -> Stop {
        let pc = RuntimeAddr(registers(Register::Rip).unwrap_or(0));
        let Some(site) = self.sites.at(target.program, target.bias, pc) else {
            let here = Pc { addr: pc, cfa: RuntimeAddr(0), is_return: false };
            let frame = stack::lines(target, here).first().cloned();
            return Stop::Foreign { thread, at: frame.unwrap_or_else(|| Frame::unknown(pc)) };
        };
        let Site { kind, touch, .. } = *site;
        let own = value(&site.access, &self.layout, registers);
        let byte = own.or_else(byte);
        let goroutine = running(registers);
        let scene = scene();
        let exact = own.is_some();
        let before = self.watch.window(goroutine).map(|window| window.access.entered);
        let seen = self.watch.hit(Hit { at, goroutine, kind, touch, byte, exact, scene: scene.clone() });
        let after = self.watch.window(goroutine).map(|window| window.access.entered);
        let phase = self.watch.window(goroutine).map(|window| window.phase);
        if touch == Touch::Check {
            let set = byte.is_some_and(|byte| byte & self.layout.writing_bit() != 0);
            let entering = !kind.is_write() || phase == Some(Phase::Checked);
            self.checked.insert(goroutine, Checked { kind, set, doomed: set == entering });
        } else {
            self.checked.remove(&goroutine);
        }
        let inside = match phase {
            Some(phase) if kind.is_write() => phase == Phase::Writing && touch == Touch::Store,
            Some(_) => true,
            None => false,
        };
        let Seen { deed, proven, suspected } = seen;
        let overlap = proven.as_ref().or(suspected.as_ref()).map(|overlap| (overlap.first.goroutine, proven.is_some()));
        tracing::debug!(thread, goid = scene.goid, %pc, ?kind, ?deed, ?phase, exact, ?overlap, "access");
        let (entered, left) = (after.or(before), before.is_some() && after.is_none());
        Stop::Access(Box::new(Caught { at, goroutine, kind, deed, scene, proven, suspected, inside, entered, left }))
    }

    /// A thread that stopped at the byte runs on.
    pub fn resumed(&mut self, goroutine: race::Goroutine, at: Time) {
        self.watch.resumed(goroutine, at);
    }

    /// Keeps a writer that has just checked the byte at its check while another writer is inside: doing
    /// the check once more changes nothing. `None` where it may go on.
    pub fn keep_at_check(&mut self, caught: &Caught, registers: &Registers<'_>) -> Option<Rescue> {
        let site = self.sites.known(RuntimeAddr(registers(Register::Rip)?))?;
        let window = self.watch.window(caught.goroutine)?;
        let entering = window.phase == Phase::Checked && site.touch == Touch::Check && site.access.rewindable;
        if !entering || !caught.kind.is_write() {
            return None;
        }
        let saw_writer = self.checked.get(&caught.goroutine).is_some_and(|checked| checked.set);
        // A window that was opened by a check and never went further (a key that can't be hashed) must
        // not keep the others out for ever.
        let is_inside = |window: &Window<Scene>| {
            window.phase != Phase::Checked || caught.at.0.saturating_sub(window.access.entered.0) < LONGEST_VISIT
        };
        let waits =
            self.watch.other_writer(caught.goroutine).is_some_and(is_inside) || (saw_writer && caught.proven.is_some());
        if !waits {
            return None;
        }
        let back = site.access.after.0.wrapping_sub(site.access.start.0);
        // It will look again, as if it had not looked yet.
        self.checked.remove(&caught.goroutine);
        self.watch.gone(caught.goroutine, caught.at);
        Some(Rescue::Again { pc: registers(Register::Rip)?.wrapping_sub(back), sp: registers(Register::Rsp)? })
    }

    /// Takes a stop at the first instruction of the runtime's fatal function. `None`: this goroutine dies
    /// of something else than this map.
    pub fn dying(&mut self, target: &Target<'_>, at: Time, thread: u32, registers: &Registers<'_>) -> Option<Dying> {
        let goroutine = running(registers);
        // Or its check was not seen: before the watch was armed, or while it paused.
        let of_what = self.seen_checking(goroutine).or_else(|| self.dying_unseen(target, thread, registers))?;
        Some(self.dies(at, goroutine, of_what, scene(target, thread, registers)))
    }

    /// The same of a thread that has run on since. `None` also where the goroutine's check of the byte was not seen.
    pub fn dying_seen(&mut self, at: Time, registers: &Registers<'_>, scene: impl FnOnce() -> Scene) -> Option<Dying> {
        let goroutine = running(registers);
        let of_what = self.seen_checking(goroutine)?;
        Some(self.dies(at, goroutine, of_what, scene()))
    }

    fn dies(&mut self, at: Time, goroutine: race::Goroutine, (kind, leaving): (Kind, bool), scene: Scene) -> Dying {
        let overlap = self.watch.dying(at, goroutine, kind, scene.clone());
        Dying { goroutine, scene, kind, leaving, overlap }
    }

    /// What a goroutine is for that has last seen the byte so that it must die of it, and whether on its way out: only
    /// there does a byte that is clear lead to the fatal function. Who has found the byte right, and is at that function
    /// all the same, dies of another map.
    fn seen_checking(&self, goroutine: race::Goroutine) -> Option<(Kind, bool)> {
        let checked = self.checked.get(&goroutine).filter(|checked| checked.doomed)?;
        Some((checked.kind, !checked.set))
    }

    /// Whether a goroutine whose check was not seen dies of this map, as its stack tells: what for, and
    /// whether on its way out.
    fn dying_unseen(&self, target: &Target<'_>, thread: u32, registers: &Registers<'_>) -> Option<(Kind, bool)> {
        let inside = threads::thread(target, thread, registers).ok()?.inside?;
        let flag = read_uint(target.memory, self.flag(), 1).ok()? as u8;
        let clear = flag & self.layout.writing_bit() == 0;
        (inside.map == Some(self.header)).then_some((inside.kind, inside.kind.is_write() && clear))
    }

    /// What to do with a goroutine at the fatal function so that the process lives on.
    pub fn rescue(&mut self, target: &Target<'_>, dying: &Dying, registers: &Registers<'_>) -> Rescue {
        let Some((ret, sp)) = returns_to(target, registers) else {
            return Rescue::Impossible { why: "its stack can't be read" };
        };
        let classic = matches!(self.layout, Layout::Classic(_));
        if !dying.kind.is_write() && !classic {
            return Rescue::Impossible {
                why: "since Go 1.24 a reader that returned from fatal would go on with a nil element",
            };
        }
        let other = self.watch.other_writer(dying.goroutine).is_some_and(|window| window.phase != Phase::Checked);
        if other && !dying.leaving {
            return call_again(target, registers);
        }
        self.checked.remove(&dying.goroutine);
        let flag = read_uint(target.memory, self.flag(), 1).unwrap_or(0) as u8;
        let bit = self.layout.writing_bit();
        let right = match (dying.leaving, classic) {
            // Its own toggle is to come, and it must find the bit clear.
            (false, _) => flag & !bit,
            // It takes the bit away, whatever it is.
            (true, true) => flag,
            // It toggles: with another writer inside the bit must be set afterwards, else clear.
            (true, false) => {
                if other {
                    flag & !bit
                } else {
                    flag | bit
                }
            }
        };
        Rescue::Return { pc: ret, sp, flag: Some(right).filter(|right| *right != flag) }
    }

    /// Two goroutines that are inside at this very moment, at least one of them to write, as a look at
    /// all stopped threads shows: each has an open window by the books and stands in a map function.
    #[must_use]
    pub fn confirm(&self, threads: &[Thread]) -> Option<Overlap<Scene>> {
        let inside: Vec<_> =
            self.watch.windows().iter().filter(|window| self.is_inside(window.access.goroutine, threads)).collect();
        inside.iter().enumerate().find_map(|(index, second)| {
            let mut earlier = inside.iter().take(index);
            earlier.find_map(|first| Overlap::between(first.access.clone(), second.access.clone()))
        })
    }

    /// Whether the process can be let go without dying of what was going on: no writer is inside by the
    /// books, nobody is on the way to the fatal function, and the byte itself is clear.
    #[must_use]
    pub fn is_quiet(&self, target: &Target<'_>) -> bool {
        let clear = |byte: u64| byte & u64::from(self.layout.writing_bit()) == 0;
        !self.checked.values().any(|checked| checked.doomed)
            && self.watch.windows().iter().all(|window| !window.access.kind.is_write())
            && read_uint(target.memory, self.flag(), 1).is_ok_and(clear)
    }

    /// Whether a goroutine stands inside its window, as its stopped thread shows.
    #[must_use]
    pub fn is_inside(&self, goroutine: race::Goroutine, threads: &[Thread]) -> bool {
        self.watch.window(goroutine).is_some()
            && threads.iter().any(|thread| {
                let here = |inside: &Inside| inside.map.is_none_or(|map| map == self.header);
                thread.goroutine == Some(RuntimeAddr(goroutine.0)) && thread.inside.as_ref().is_some_and(here)
            })
    }
}

/// How a goroutine at the first instruction of a function comes to it once more, with nothing done in between:
/// so it stays there while others run on.
pub fn call_again(target: &Target<'_>, registers: &Registers<'_>) -> Rescue {
    let Some((ret, sp)) = returns_to(target, registers) else {
        return Rescue::Impossible { why: "its stack can't be read" };
    };
    let (opcode, len) = CALL_AMD64;
    let call = ret.wrapping_sub(len);
    match read_uint(target.memory, RuntimeAddr(call), 1) {
        Ok(byte) if byte == u64::from(opcode) => Rescue::Again { pc: call, sp },
        _ => Rescue::Impossible { why: "the call that led to fatal is not a direct one" },
    }
}

/// Where a goroutine at the first instruction of a function returns to, and with which stack pointer.
fn returns_to(target: &Target<'_>, registers: &Registers<'_>) -> Option<(u64, u64)> {
    let sp = registers(Register::Rsp)?;
    Some((read_uint(target.memory, RuntimeAddr(sp), 8).ok()?, sp.wrapping_add(8)))
}

/// The goroutine whose thread is in the runtime's own Go code: there this register is the current g (ABIInternal).
fn running(registers: &Registers<'_>) -> race::Goroutine {
    race::Goroutine(registers(Register::R14).unwrap_or(0))
}

/// The scene of a thread that stands still.
fn scene(target: &Target<'_>, thread: u32, registers: &Registers<'_>) -> Scene {
    let at = |register| RuntimeAddr(registers(register).unwrap_or(0));
    Scene {
        thread,
        goid: goroutine::goid(target, at(Register::R14)).ok(),
        stack: stack::walk(target, at(Register::Rip), at(Register::Rsp)),
    }
}

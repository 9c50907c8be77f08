//! What a goroutine's stack tells of it and one map.

use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use goprogram::{Function, LinkAddr, MapCall, MapFunction, Register};
use race::Kind;

use super::MapTypes;
use super::scan::Stack;
use crate::argument;
use crate::fatal::Doomed;
use crate::frames::UnwoundFrame;
use crate::memory::RuntimeAddr;
use crate::stack::Pc;
use crate::target::Target;
use crate::threads::{kind_of, map_code};

/// How a goroutine has to do with the map, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Clue {
    /// It has found the map used by another one too, and is about to end the process itself.
    Dies,
    /// It is inside a map function on this map.
    Inside,
    /// The last call that it made has returned from a map function on this map.
    Returned,
    /// One of its frames still has the arguments of a call of a map function on this map.
    Called,
    /// One of its frames is of a function that calls a map function, and has this map's address.
    Beside,
    /// A return address in the dead part of its stack is of a call of a map function on this map. That part
    /// may be left from a goroutine that had this stack before.
    Trace,
    /// One of its frames is of a function whose code calls a map function on this map.
    Place,
    /// A map function that is used for maps of this type has left a return address in the dead part of its
    /// stack; which map it was can't be told.
    Wrote,
    /// It holds a value of this function, whose code may write this map.
    Could,
    /// One of its frames has this map's address.
    Holds,
    /// The dead part of its stack has this map's address.
    Remains,
}

/// One thing that speaks against a goroutine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Evidence {
    /// What it is.
    pub clue: Clue,
    /// What the map function is for; `None` where there is none.
    pub kind: Option<Kind>,
    /// The map function; of [`Clue::Could`] the function of the program.
    pub function: Option<String>,
    /// The call, or the frame that has the map's address.
    pub at: Option<Pc>,
}

impl Evidence {
    /// Whether it speaks of a write.
    #[must_use]
    pub fn is_write(&self) -> bool {
        self.kind.is_some_and(Kind::is_write)
    }
}

/// What is looked for on stacks.
pub(super) struct Wanted<'a> {
    pub(super) target: &'a Target<'a>,
    pub(super) header: u64,
    /// The descriptors that its type may have; empty if nothing tells.
    pub(super) descriptors: HashSet<u64>,
    /// The calls of map functions that may be of this map, by where they return to.
    calls: HashMap<u64, &'a MapCall>,
    /// Those of them that are of this map, as the code says.
    pub(super) leads: HashSet<u64>,
    /// The functions that make those.
    places: Vec<Range<u64>>,
    /// The map functions that are used for maps of this type, and what they call in map code.
    map_code: Vec<Range<u64>>,
    /// The map functions that the program calls for maps of other types too.
    shared: HashSet<LinkAddr>,
    /// Where all that is.
    code: Range<u64>,
    /// The functions that write this map, or may, themselves or by those that they call: by their first
    /// instruction, with how. Found when first needed.
    writers: OnceCell<HashMap<u64, Kind>>,
    /// Whether a call returns to an address.
    pub(super) returns: RefCell<HashMap<u64, bool>>,
}

/// The registers' words of a call that its callee may put aside above its return address, in bytes
/// (Go's src/cmd/compile/abi-internal.md, amd64).
const SPILLED_AMD64: u64 = 9 * 8;

/// Callers of callers of a function that writes are taken into account so far.
const CALLERS: usize = 2;

impl<'a> Wanted<'a> {
    pub(super) fn new(target: &'a Target<'a>, map: &Doomed, descriptor: Option<RuntimeAddr>) -> Self {
        let mut wanted = Wanted {
            target,
            header: map.header.0,
            descriptors: descriptor.map(|descriptor| descriptor.0).into_iter().collect(),
            calls: HashMap::new(),
            leads: HashSet::new(),
            places: Vec::new(),
            map_code: Vec::new(),
            shared: HashSet::new(),
            code: 0..0,
            writers: OnceCell::new(),
            returns: RefCell::default(),
        };
        let mut types = MapTypes::new(target, descriptor);
        for call in target.program.map_calls().iter() {
            if !call.descriptor.is_none_or(|descriptor| types.may_be(target.bias.to_runtime(descriptor))) {
                wanted.shared.insert(call.callee);
                continue;
            }
            let leads = leads_to(target, call);
            if leads.is_some_and(|header| header != wanted.header) {
                continue;
            }
            let ret = target.bias.to_runtime(call.ret).0;
            wanted.calls.insert(ret, call);
            let more = call.descriptor.filter(|_| descriptor.is_some());
            wanted.descriptors.extend(more.map(|descriptor| target.bias.to_runtime(descriptor).0));
            if leads.is_some() {
                wanted.leads.insert(ret);
                wanted.places.extend(
                    target.program.function_at(call.caller).map(|function| {
                        target.bias.to_runtime(function.entry).0..target.bias.to_runtime(function.end).0
                    }),
                );
            }
        }
        wanted.places.sort_unstable_by_key(|place| place.start);
        wanted.places.dedup();
        wanted.map_code = wanted.map_functions();
        let ranges = || wanted.places.iter().chain(&wanted.map_code);
        let begins = wanted.calls.keys().copied().chain(ranges().map(|place| place.start)).min();
        let ends = wanted.calls.keys().map(|ret| ret + 1).chain(ranges().map(|place| place.end)).max();
        wanted.code = begins.unwrap_or(0)..ends.unwrap_or(0);
        wanted
    }

    /// The map functions that write maps of this type, and what they call in map code.
    fn map_functions(&self) -> Vec<Range<u64>> {
        let target = self.target;
        let called: HashSet<LinkAddr> = self.calls.values().map(|call| call.callee).collect();
        let takes_part = |function: &Function, code: MapFunction| {
            // What the program calls itself, it calls for maps of certain types.
            let is_inner = function.name.contains(".(*");
            kind_of(code.kind).is_some_and(Kind::is_write) && (is_inner || called.contains(&function.entry))
        };
        let functions = target.program.map_functions().filter(|(function, code)| takes_part(function, *code));
        let runtime = |addr| target.bias.to_runtime(addr).0;
        functions.map(|(function, _)| runtime(function.entry)..runtime(function.end)).collect()
    }

    /// Whether a word on a stack is worth a closer look.
    pub(super) fn is_hit(&self, word: u64) -> bool {
        word == self.header
            || (self.code.contains(&word)
                && (self.calls.contains_key(&word) || contains(&self.places, word) || contains(&self.map_code, word)))
    }

    /// All that a stack tells; of one that may have run just now, also what its function values may do.
    pub(super) fn evidence(&self, stack: &Stack, frames: &[UnwoundFrame], closely: bool) -> Vec<Evidence> {
        let mut found: Vec<Evidence> = self.inside(stack, frames).into_iter().collect();
        for (depth, frame) in frames.iter().enumerate() {
            found.extend(self.live(stack, frames, depth, frame));
        }
        let returns: HashSet<u64> = frames.iter().map(|frame| frame.pc.cfa.0.wrapping_sub(8)).collect();
        for (addr, word) in stack.words() {
            if returns.contains(&addr) {
                continue;
            }
            if let Some(call) = self.calls.get(&word) {
                found.extend(self.trace(stack, frames, addr, call));
            } else if contains(&self.map_code, word) {
                found.extend(self.wrote(stack, addr, word));
            }
        }
        if closely && !found.iter().any(Evidence::is_write) {
            found.extend(self.could(stack, frames));
        }
        let holds = |range: &Range<u64>| self.words_in(stack, range).next().is_some();
        if !found.iter().any(|evidence| evidence.clue <= Clue::Place) {
            let live = frames.iter().find(|frame| holds(&(frame.sp.0..frame.pc.cfa.0)));
            if let Some(frame) = live {
                found.push(Evidence { clue: Clue::Holds, kind: None, function: None, at: Some(frame.pc) });
            } else if holds(&(stack.sp..u64::MAX)) || registers(frames).any(|word| word == self.header) {
                let at = frames.first().map(|frame| frame.pc);
                found.push(Evidence { clue: Clue::Holds, kind: None, function: None, at });
            } else if holds(&(stack.base..stack.sp)) {
                found.push(Evidence { clue: Clue::Remains, kind: None, function: None, at: None });
            }
        }
        found.sort_by_key(|evidence| (!evidence.is_write(), evidence.clue));
        let mut seen = HashSet::new();
        found.retain(|evidence| seen.insert(evidence.clone()));
        found
    }

    /// The addresses of the words in a range that are the map's.
    pub(super) fn words_in<'s>(
        &'s self,
        stack: &'s Stack,
        range: &Range<u64>,
    ) -> impl Iterator<Item = u64> + use<'s, 'a> {
        let range = range.clone();
        stack.words().filter(move |(addr, word)| *word == self.header && range.contains(addr)).map(|(addr, _)| addr)
    }

    /// The map function that the program is inside of.
    fn inside(&self, stack: &Stack, frames: &[UnwoundFrame]) -> Option<Evidence> {
        frames.iter().enumerate().rev().find_map(|(depth, frame)| {
            let (function, code) = map_code(self.target, frame)?;
            let kind = kind_of(code.kind)?;
            let maps = argument::maps_of(self.target, frames, depth);
            let is_it = match maps.first() {
                Some(map) => map.header.0 == self.header,
                None => {
                    let index = goprogram::Parameters::named(&function)?.map?;
                    stack.word(frame.pc.cfa.0.wrapping_add(8 * index)) == Some(self.header)
                }
            };
            let at = frames.get(depth + 1).map(|caller| caller.pc);
            is_it.then_some(Evidence { clue: Clue::Inside, kind: Some(kind), function: Some(function), at })
        })
    }

    /// What a live frame tells: its function's calls of map functions, and what it has of the map.
    fn live(&self, stack: &Stack, frames: &[UnwoundFrame], depth: usize, frame: &UnwoundFrame) -> Option<Evidence> {
        let target = self.target;
        let function = target.program.function_at(target.bias.to_link(frame.pc.instruction()))?;
        // Its call is still under way: that has been looked at.
        let callee = depth.checked_sub(1).and_then(|depth| frames.get(depth));
        if callee.is_some_and(|callee| map_code(target, callee).is_some()) {
            return None;
        }
        let own = frame.sp.0..frame.pc.cfa.0.wrapping_add(SPILLED_AMD64);
        let has_it = self.words_in(stack, &own).next().is_some();
        let calls = target.program.map_calls().of(function.entry);
        let clues = calls.filter_map(|call| {
            let ret = target.bias.to_runtime(call.ret).0;
            self.calls.get(&ret)?;
            let clue = if self.has_arguments(stack, call, frame.sp.0, own.end) {
                Clue::Called
            } else if has_it {
                Clue::Beside
            } else if self.leads.contains(&ret) {
                Clue::Place
            } else {
                return None;
            };
            let at = Pc { addr: target.bias.to_runtime(call.ret), cfa: frame.pc.cfa, is_return: true };
            Some(self.of_call(clue, call, Some(at)))
        });
        clues.min_by_key(|evidence| (!evidence.is_write(), evidence.clue))
    }

    /// Whether the words that a callee of a map call puts aside above its return address are of this map. The
    /// caller's frame begins at `sp` and ends at `end`.
    pub(super) fn has_arguments(&self, stack: &Stack, call: &MapCall, sp: u64, end: u64) -> bool {
        let argument = |index: Option<u64>| stack.word(sp.wrapping_add(8 * index?));
        if call.parameters.map.is_some() {
            return argument(call.parameters.map) == Some(self.header);
        }
        // An iterator lies in the caller's frame; the map's type and the map are next to each other in it.
        let mut maps = self.words_in(stack, &(sp..end));
        call.parameters.iterator.is_some()
            && maps.any(|addr| stack.word(addr.wrapping_sub(8)).is_some_and(|word| self.is_descriptor(word)))
    }

    /// Whether a map function works on maps of other types too: what the program calls itself, where it does; what
    /// that calls, always.
    pub(super) fn is_shared(&self, function: &Function) -> bool {
        function.name.contains(".(*") || self.shared.contains(&function.entry)
    }

    /// Whether a word may be the descriptor of the map's type.
    pub(super) fn is_descriptor(&self, word: u64) -> bool {
        self.descriptors.is_empty() || self.descriptors.contains(&word)
    }

    /// The function values on the live part of a stack whose code may write this map.
    fn could(&self, stack: &Stack, frames: &[UnwoundFrame]) -> Option<Evidence> {
        let writers = self.writers.get_or_init(|| self.find_writers());
        let mut values = stack.words().filter(|(addr, word)| *addr >= stack.sp && *word % 8 == 0 && *word != 0);
        let (addr, code, kind) = values.find_map(|(addr, value)| {
            let code = self.target.pointer(RuntimeAddr(value)).ok()?;
            Some((addr, code, *writers.get(&code.0)?))
        })?;
        let at = frames.iter().find(|frame| addr < frame.pc.cfa.0).map(|frame| frame.pc);
        let function = self.target.program.function_at(self.target.bias.to_link(code)).map(|function| function.name);
        Some(Evidence { clue: Clue::Could, kind: Some(kind), function, at })
    }

    /// The functions that write this map, as far as the code says, or write one of its type that may be this one;
    /// and those that call them.
    fn find_writers(&self) -> HashMap<u64, Kind> {
        let target = self.target;
        let mut writers = HashMap::new();
        for call in self.calls.values() {
            if let Some(kind) = kind_of(call.function.kind).filter(|kind| kind.is_write()) {
                writers.insert(target.bias.to_runtime(call.caller).0, kind);
            }
        }
        let mut level: Vec<LinkAddr> = writers.keys().map(|entry| target.bias.to_link(RuntimeAddr(*entry))).collect();
        for _ in 0..CALLERS {
            let callers = target.program.callers_of(&level).into_iter().map(|function| function.entry);
            level = callers.filter(|entry| !writers.contains_key(&target.bias.to_runtime(*entry).0)).collect();
            // How is known of the writers themselves only: an assignment is by far the most frequent.
            writers.extend(level.iter().map(|entry| (target.bias.to_runtime(*entry).0, Kind::Assign)));
        }
        writers
    }

    pub(super) fn of_call(&self, clue: Clue, call: &MapCall, at: Option<Pc>) -> Evidence {
        let function = self.target.program.function_at(call.callee).map(|function| function.name);
        Evidence { clue, kind: kind_of(call.function.kind), function, at }
    }
}

/// Whether one of these ranges, in the order of their addresses, has a word.
fn contains(ranges: &[Range<u64>], word: u64) -> bool {
    let after = ranges.partition_point(|range| range.start <= word);
    after.checked_sub(1).and_then(|index| ranges.get(index)).is_some_and(|range| word < range.end)
}

/// The map that a call is given, where its code says so; memory as it is now.
pub(super) fn leads_to(target: &Target<'_>, call: &MapCall) -> Option<u64> {
    let origin = call.map.as_ref()?;
    let goprogram::Root::Static(root) = origin.root else { return None };
    argument::follow(target, origin, target.bias.to_runtime(root).0)
}

/// What the general registers hold, of the frames of which that is known.
pub(super) fn registers(frames: &[UnwoundFrame]) -> impl Iterator<Item = u64> {
    const GENERAL: [Register; 14] = [
        Register::Rax,
        Register::Rbx,
        Register::Rcx,
        Register::Rdx,
        Register::Rsi,
        Register::Rdi,
        Register::R8,
        Register::R9,
        Register::R10,
        Register::R11,
        Register::R12,
        Register::R13,
        Register::R15,
        Register::Rbp,
    ];
    let known = frames.iter().filter_map(|frame| frame.registers.as_ref());
    known.flat_map(|registers| GENERAL.iter().filter_map(|register| registers.get(*register)))
}

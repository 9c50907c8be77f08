//! Every call of a map function in the program: where it is, and which map it is given, as far as the code tells.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use nix::sys::signal::{SigSet, SigmaskHow};
use object::{Object, ObjectSection, SectionKind};

use crate::amd64_body::Body;
use crate::amd64_origin::Origin;
use crate::map_functions::MapCode;
use crate::{Function, LinkAddr, MapFunction, Parameters, Program, Register, Root};

/// A call of a map function by code that is not map code itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapCall {
    /// The instruction after the call.
    pub ret: LinkAddr,
    /// The first instruction of the function that makes the call.
    pub caller: LinkAddr,
    /// The first instruction of the map function.
    pub callee: LinkAddr,
    /// What that function does.
    pub function: MapFunction,
    /// Which of its parameters are what.
    pub parameters: Parameters,
    /// The descriptor of the map's type, where the code has it: not in generic code.
    pub descriptor: Option<LinkAddr>,
    /// Where the map comes from: its header's address, beginning with a package variable ([`Root::Static`]) or with
    /// what the caller itself was given ([`Root::Entry`]). `None` if it comes from elsewhere: another call, the heap.
    pub map: Option<Origin>,
}

/// A call that gives another function what it works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// The first instruction of the function that is called.
    pub callee: LinkAddr,
    /// The first instruction of the function that calls.
    pub caller: LinkAddr,
    /// The instruction after the call.
    pub ret: LinkAddr,
    /// Where the value comes from that was asked for, as of [`MapCall::map`].
    pub origin: Option<Origin>,
}

/// The calls of map functions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MapCalls {
    /// By the address of the call.
    calls: Vec<MapCall>,
}

impl MapCalls {
    /// All of them, in the order of their addresses.
    pub fn iter(&self) -> impl Iterator<Item = &MapCall> {
        self.calls.iter()
    }

    /// Those that a function makes, given its first instruction.
    pub fn of(&self, caller: LinkAddr) -> impl Iterator<Item = &MapCall> {
        // A function's calls lie together, and after its first instruction.
        let first = self.calls.partition_point(|call| call.caller < caller);
        self.calls.iter().skip(first).take_while(move |call| call.caller == caller)
    }
}

/// A direct call: the opcode, and the whole length with its 32-bit displacement (amd64).
const CALL_AMD64: u8 = 0xe8;
const CALL_LEN_AMD64: u64 = 5;

/// The registers of a call's first words, in order (Go's src/cmd/compile/abi-internal.md, amd64).
const ARGUMENTS_AMD64: [Register; 3] = [Register::Rax, Register::Rbx, Register::Rcx];

impl Program {
    /// Every call of a map function, found by disassembly once: 100 MB of program take about a second.
    pub fn map_calls(&self) -> &MapCalls {
        self.map_calls_cell().get_or_init(|| {
            let code = self.map_code();
            let entries: Vec<LinkAddr> = code.functions.iter().map(|(function, _)| function.entry).collect();
            let mut callers = self.callers_of(&entries);
            callers.retain(|caller| MapFunction::named(&caller.name).is_none());
            let mut calls = self.follow_all(code, &callers);
            calls.sort_unstable_by_key(|call| call.ret);
            MapCalls { calls }
        })
    }

    /// The functions that call one of those that begin at these addresses, by bytes that look like such a call: a
    /// constant may look like one too.
    pub fn callers_of(&self, entries: &[LinkAddr]) -> Vec<Function> {
        let mut targets: Vec<u64> = entries.iter().map(|entry| entry.0).collect();
        targets.sort_unstable();
        let Ok(object) = self.elf().object() else { return Vec::new() };
        let mut found = Vec::<Function>::new();
        for section in object.sections().filter(|section| section.kind() == SectionKind::Text) {
            let Ok(bytes) = section.data() else { continue };
            for (offset, window) in bytes.windows(CALL_LEN_AMD64 as usize).enumerate() {
                let [CALL_AMD64, displacement @ ..] = window else { continue };
                let Ok(displacement) = displacement.try_into().map(i32::from_le_bytes) else { continue };
                let at = section.address().saturating_add(offset as u64);
                let target = at.wrapping_add(CALL_LEN_AMD64).wrapping_add_signed(displacement.into());
                let is_known = found.last().is_some_and(|last| (last.entry.0..last.end.0).contains(&at));
                if !is_known && targets.binary_search(&target).is_ok() {
                    found.extend(self.function_at(LinkAddr(at)));
                }
            }
        }
        found
    }

    /// Every direct call of functions, each given by its first instruction, and where what they are given comes from,
    /// as far as an origin that begins with [`Root::Entry`] in each of them tells.
    pub fn passed(&self, wanted: &[(LinkAddr, Origin)]) -> Vec<Passed> {
        let entries: Vec<LinkAddr> = wanted.iter().map(|(entry, _)| *entry).collect();
        let mut found = Vec::new();
        for caller in self.callers_of(&entries) {
            let Some(body) = Body::new(self, &caller) else { continue };
            for (index, callee, ret) in body.calls() {
                for (_, inner) in wanted.iter().filter(|(entry, _)| *entry == callee) {
                    let Root::Entry(register) = inner.root else { continue };
                    let given = body.lasting_origin(index, register).filter(Origin::is_from_outside);
                    let origin = given.and_then(|given| given.then(inner));
                    found.push(Passed { callee, caller: caller.entry, ret, origin });
                }
            }
        }
        found
    }

    /// Whether a call returns to an address.
    #[must_use]
    pub fn is_return_address(&self, addr: LinkAddr) -> bool {
        let inside = LinkAddr(addr.0.wrapping_sub(1));
        let body = self.function_at(inside).and_then(|function| Body::new(self, &function));
        body.is_some_and(|body| body.call_before(addr).is_some())
    }

    /// Disassembles functions, on all processors.
    fn follow_all(&self, code: &MapCode, callers: &[Function]) -> Vec<MapCall> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut calls = Vec::new();
            while let Some(caller) = callers.get(next.fetch_add(1, Ordering::Relaxed)) {
                calls.extend(self.calls_of(code, caller));
            }
            calls
        };
        let workers = thread::available_parallelism().map_or(1, usize::from).min(callers.len() / 64 + 1);
        thread::scope(|scope| {
            let started: Vec<_> = without_signals(|| (1..workers).map(|_| scope.spawn(work)).collect());
            let mut calls = work();
            calls.extend(started.into_iter().filter_map(|worker| worker.join().ok()).flatten());
            calls
        })
    }

    fn calls_of(&self, code: &MapCode, caller: &Function) -> Vec<MapCall> {
        let Some(body) = Body::new(self, caller) else { return Vec::new() };
        let call = |(index, callee, ret)| {
            let (function, kind) = code.at(callee)?;
            let parameters = Parameters::named(&function.name)?;
            let register = |parameter: Option<u64>| ARGUMENTS_AMD64.get(usize::try_from(parameter?).ok()?).copied();
            let origin = |parameter| body.lasting_origin(index, register(parameter)?);
            let descriptor = origin(parameters.ty).and_then(|origin| origin.constant()).map(LinkAddr);
            let map = origin(parameters.map).filter(Origin::is_from_outside);
            Some(MapCall { ret, caller: caller.entry, callee, function: kind, parameters, descriptor, map })
        };
        body.calls().filter_map(call).collect()
    }
}

/// Starts threads that get no signals: a debugger's handlers are not made for others than its own.
fn without_signals<T>(start: impl FnOnce() -> T) -> T {
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK);
    let started = start();
    // It fails only for masks that the kernel doesn't know.
    let _ = before.and_then(|before| before.thread_set_mask());
    started
}

impl MapCode {
    /// The map function that begins at an address.
    fn at(&self, entry: LinkAddr) -> Option<(&Function, MapFunction)> {
        let index = self.functions.binary_search_by_key(&entry, |(function, _)| function.entry).ok()?;
        self.functions.get(index).map(|(function, kind)| (function, *kind))
    }
}

//! What a function on a stack was called with: its map above all.

use goprogram::{LinkAddr, Location, Origin, Parameters, Register, Root};

use crate::frames::UnwoundFrame;
use crate::memory::RuntimeAddr;
use crate::stack::Pc;
use crate::target::Target;

/// The registers of a call's first words, in order (Go's src/cmd/compile/abi-internal.md, amd64).
const ARGUMENTS_AMD64: [Register; 9] = [
    Register::Rax,
    Register::Rbx,
    Register::Rcx,
    Register::Rdi,
    Register::Rsi,
    Register::R8,
    Register::R9,
    Register::R10,
    Register::R11,
];

/// Types of iterators with their fields that hold the map's type and the map.
const ITERATORS: [(&str, &str, &str); 2] = [("runtime.hiter", "t", "h"), ("internal/runtime/maps.Iter", "typ", "m")];

/// A call goes through so many functions that only pass their arguments on, at most.
const MOST_HOPS: usize = 8;

/// The map that a map function was called with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MapArgument {
    /// The address of its header.
    pub(crate) header: RuntimeAddr,
    /// The address of its type's descriptor, where that is known too.
    pub(crate) descriptor: Option<RuntimeAddr>,
    /// Whether it was read again from where the caller had read it, which may hold another by now.
    pub(crate) reread: bool,
}

/// What a register held when a function was entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entered {
    pub(crate) value: u64,
    /// As in [`MapArgument`].
    pub(crate) reread: bool,
}

/// What the compiler calls the parameters: a map is `h` up to Go 1.23 and `m` since, of a clone `src`.
const MAP: [&str; 3] = ["h", "m", "src"];
const TYPE: [&str; 2] = ["t", "typ"];
const ITERATOR: [&str; 1] = ["it"];

/// What the map function of a frame was called with, by all ways that prove it: where the compiler says that
/// it keeps its parameters now, and where the callers had taken them from. The ways may contradict each other
/// only in a damaged process.
pub(crate) fn maps_of(target: &Target<'_>, frames: &[UnwoundFrame], depth: usize) -> Vec<MapArgument> {
    let Some(frame) = frames.get(depth) else { return Vec::new() };
    let Some(function) = target.program.function_at(target.bias.to_link(frame.pc.instruction())) else {
        return Vec::new();
    };
    let Some(parameters) = Parameters::named(&function.name) else { return Vec::new() };
    let described = |names: &[&str]| names.iter().find_map(|name| described(target, frame, name));
    let passed = |index: Option<u64>| {
        let register = *ARGUMENTS_AMD64.get(usize::try_from(index?).ok()?)?;
        entered_with(target, frames, depth, register)
    };
    let addr = |entered: Option<Entered>| entered.map(|entered| RuntimeAddr(entered.value));
    let mut found = Vec::new();
    if parameters.map.is_some() {
        let own = described(&MAP).map(|header| (header, described(&TYPE), false));
        let given = passed(parameters.map).map(|map| (RuntimeAddr(map.value), addr(passed(parameters.ty)), map.reread));
        // Where the function itself has put it aside, if it has: above its return address.
        let aside = parameters.map.and_then(|index| target.pointer(frame.pc.cfa.plus(8 * index)).ok());
        let whole = |(header, descriptor, reread)| {
            let reread = reread && aside != Some(header);
            MapArgument { header, descriptor, reread }
        };
        found.extend([own, given].into_iter().flatten().map(whole));
    }
    if parameters.iterator.is_some() {
        let iterators = [described(&ITERATOR), addr(passed(parameters.iterator))];
        found.extend(iterators.into_iter().flatten().filter_map(|iterator| iterated(target, iterator)));
    }
    found.retain(|map| map.header.0 != 0);
    found
}

/// Looks up now where the compiler keeps a map function's parameters.
pub(crate) fn prepare(target: &Target<'_>, entry: LinkAddr) {
    for name in MAP.into_iter().chain(ITERATOR) {
        // What can't be told now is not told then either.
        let _ = target.program.parameter_location(entry, name);
    }
}

/// The map that a map function works on; `None` where it can't be told.
pub(crate) fn map_of(target: &Target<'_>, frames: &[UnwoundFrame], depth: usize) -> Option<RuntimeAddr> {
    maps_of(target, frames, depth).first().map(|map| map.header)
}

/// The map that an iterator goes through. One that has not begun has none.
fn iterated(target: &Target<'_>, iterator: RuntimeAddr) -> Option<MapArgument> {
    ITERATORS.iter().find_map(|(type_name, ty, map)| {
        let field = |name| {
            let offset = target.program.field_offset(type_name, name).ok()?;
            target.pointer(iterator.plus(offset)).ok()
        };
        let header = field(map).filter(|header| header.0 != 0)?;
        Some(MapArgument { header, descriptor: field(ty), reread: false })
    })
}

/// What a frame's parameter is, by the compiler's own account of where it is at that instruction.
fn described(target: &Target<'_>, frame: &UnwoundFrame, name: &str) -> Option<RuntimeAddr> {
    let pc = frame.pc;
    match target.program.parameter_location(target.bias.to_link(pc.instruction()), name).ok()?? {
        Location::Register(register) => frame.registers.as_ref()?.get(register).map(RuntimeAddr),
        Location::FromCfa(offset) => target.pointer(RuntimeAddr(pc.cfa.0.wrapping_add_signed(offset))).ok(),
    }
}

/// What a register held when a frame's function was entered: seen at its first instruction, or found where
/// its caller took it from.
pub(crate) fn entered_with(
    target: &Target<'_>,
    frames: &[UnwoundFrame],
    depth: usize,
    register: Register,
) -> Option<Entered> {
    passed_on(target, frames, depth, register, MOST_HOPS)
}

fn passed_on(
    target: &Target<'_>,
    frames: &[UnwoundFrame],
    depth: usize,
    register: Register,
    hops: usize,
) -> Option<Entered> {
    let frame = frames.get(depth)?;
    if let Some(registers) = &frame.registers
        && is_entry(target, frame.pc)
    {
        return registers.get(register).map(|value| Entered { value, reread: false });
    }
    let caller = frames.get(depth + 1).filter(|caller| caller.pc.is_return)?;
    let origin = target.program.argument_origin(target.bias.to_link(caller.pc.addr), register)?;
    let known = |value| Some(Entered { value, reread: false });
    let root = match origin.root {
        Root::Static(addr) => known(target.bias.to_runtime(addr).0)?,
        Root::Stack => known(caller.sp.0)?,
        Root::Constant(value) => known(value)?,
        Root::Entry(register) => passed_on(target, frames, depth + 1, register, hops.checked_sub(1)?)?,
    };
    // While the call lasts, nobody writes to the caller's own words.
    let own = usize::from(origin.root == Root::Stack);
    let value = follow(target, &origin, root.value)?;
    Some(Entered { value, reread: root.reread || origin.loads.len() > own })
}

/// The value of an origin, given what it begins with: as memory has it now.
pub(crate) fn follow(target: &Target<'_>, origin: &Origin, root: u64) -> Option<u64> {
    let step = |value: u64, offset: &i64| {
        target.pointer(RuntimeAddr(value.wrapping_add_signed(*offset))).ok().map(|next| next.0)
    };
    let value = origin.loads.iter().try_fold(root, step)?;
    Some(value.wrapping_add_signed(origin.add))
}

fn is_entry(target: &Target<'_>, pc: Pc) -> bool {
    let link = target.bias.to_link(pc.addr);
    !pc.is_return && target.program.function_at(link).is_some_and(|function| function.entry == link)
}

//! Which map a fatal access was about.

use std::ops::RangeInclusive;

use gomap::Verdict;
use goprogram::{TypeKind, TypeRef};

use crate::argument::{self, MapArgument};
use crate::error::Error;
use crate::expression::{self, MapValue};
use crate::frame::FrameContext;
use crate::frames::UnwoundFrame;
use crate::map;
use crate::memory::RuntimeAddr;
use crate::stack;
use crate::target::Target;

/// The map that a process dies of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doomed {
    /// The address of its header.
    pub header: RuntimeAddr,
    /// The map, with its type and an expression for it; `None` where the program has no DWARF.
    pub value: Option<MapValue>,
    /// The name of its type, as the runtime prints it where there is no DWARF; `None` if nothing tells.
    pub type_name: Option<String>,
    /// Whether the expression is a name that leads to the map: else it is a typed address.
    pub named: bool,
    /// The function whose local the expression begins with.
    pub local_of: Option<String>,
    /// The address of its type's descriptor; `None` if nothing tells.
    pub descriptor: Option<RuntimeAddr>,
    /// How sure it is that this is the map.
    pub sureness: Sureness,
}

/// How sure it is which map a fatal access was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sureness {
    /// Nothing of the access tells its map: this is the one of its type that others write, or use.
    Inferred,
    /// Several ways disagree, or what lies there looks like no map: it may be another one.
    Likely,
    /// The access itself keeps its address no more: this is what the variable that it was taken from holds now.
    Reread,
    /// The stack of the access has its address.
    Proven,
}

/// So many callers are asked for a local that leads to the map.
const CALLERS: usize = 8;

/// The map that the map functions of a stack, at these depths, work on.
pub(super) fn find(target: &Target<'_>, frames: &[UnwoundFrame], depths: RangeInclusive<usize>) -> Option<Doomed> {
    let called = *depths.end();
    let found: Vec<MapArgument> = depths.flat_map(|depth| argument::maps_of(target, frames, depth)).collect();
    let best =
        found.iter().max_by_key(|map| (looks_like_a_map(target, map.header), !map.reread, votes(&found, map)))?;
    let header = best.header;
    let votes_for = votes(&found, best);
    let disputed = votes_for < found.len() || (votes_for < 2 && !looks_like_a_map(target, header));
    let sureness = match (disputed, best.reread) {
        (true, _) => Sureness::Likely,
        (false, true) => Sureness::Reread,
        (false, false) => Sureness::Proven,
    };
    let descriptor = found.iter().filter(|map| map.header == header).find_map(|map| map.descriptor);
    Some(describe(target, frames, called, header, descriptor, sureness))
}

/// A map by its address, with its type and a name, given the depth of the map function that works on it.
pub(super) fn describe(
    target: &Target<'_>,
    frames: &[UnwoundFrame],
    called: usize,
    header: RuntimeAddr,
    descriptor: Option<RuntimeAddr>,
    sureness: Sureness,
) -> Doomed {
    let mut local_of = None;
    let name = expression::name_of(target, header).or_else(|| expression::path_to(target, header)).or_else(|| {
        let (name, function) = local(target, frames, called, header)?;
        local_of = Some(function);
        Some(name)
    });
    let ty = descriptor.and_then(|descriptor| type_at(target, descriptor));
    let in_runtime = || target.program.name_of_descriptor(target.bias.to_link(descriptor?));
    let type_name = ty.as_ref().map(|(_, name)| name.clone()).or_else(in_runtime);
    let value = ty.map(|(ty, type_name)| MapValue {
        expression: name.clone().unwrap_or_else(|| format!("({type_name}){header}")),
        type_name,
        ty,
        header,
    });
    Doomed { header, type_name, named: name.is_some(), value, local_of, descriptor, sureness }
}

/// How many ways lead to the same map.
fn votes(found: &[MapArgument], map: &MapArgument) -> usize {
    found.iter().filter(|other| other.header == map.header).count()
}

/// Whether a header is where an address leads, as far as can be told. That of a map that two have written may
/// be damaged.
pub(super) fn looks_like_a_map(target: &Target<'_>, header: RuntimeAddr) -> bool {
    match map::header_at(target, header) {
        Ok(facts) => facts.findings.iter().all(|finding| finding.verdict != Verdict::Damaged),
        Err(Error::Program(_)) => true,
        Err(_) => false,
    }
}

/// The map type that a descriptor describes, and its name.
fn type_at(target: &Target<'_>, descriptor: RuntimeAddr) -> Option<(TypeRef, String)> {
    let found = target.program.type_of_descriptor(target.bias.to_link(descriptor)).ok()??;
    let ty = target.program.ty(found).ok()?;
    matches!(ty.kind, TypeKind::Map { .. }).then_some((found, ty.name))
}

/// A local of one of the callers that leads to the map, and the function that it is of.
fn local(target: &Target<'_>, frames: &[UnwoundFrame], called: usize, header: RuntimeAddr) -> Option<(String, String)> {
    frames.iter().skip(called + 1).take(CALLERS).find_map(|frame| {
        let registers = |register| frame.register(register);
        let name = expression::local_path_to(target, &FrameContext::new(frame.pc, &registers), header)?;
        Some((name, stack::lines(target, frame.pc).first()?.function.clone()))
    })
}

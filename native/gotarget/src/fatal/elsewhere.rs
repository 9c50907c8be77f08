//! Which map a fatal access was about, where nothing of its own tells: by what others have on their stacks.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::ops::ControlFlow;

use goprogram::{Parameters, Register};

use super::map::{self, Doomed, Sureness};
use super::{called, fatal_depth};
use crate::argument;
use crate::map::header_at;
use crate::memory::RuntimeAddr;
use crate::registers::ThreadRegisters;
use crate::suspects::scan;
use crate::target::Target;
use crate::threads::{self, map_code};

/// So many goroutines are asked.
const MOST: usize = 1 << 12;

/// A map of the same type that others write, or have been given to map functions: the only one that is marked as
/// being written, or else the only one at all. `thread` is the one of the fatal access.
pub(super) fn find(target: &Target<'_>, thread: &ThreadRegisters) -> Option<Doomed> {
    let (_, frames) = threads::walk(target, thread);
    let first = fatal_depth(target, &frames)? + 1;
    let called = called(target, &frames, first);
    let function = map_code(target, frames.get(called)?)?.0;
    // The type is a constant in the code that calls, unless that is generic.
    let register = match Parameters::named(&function)?.ty? {
        0 => Register::Rax,
        1 => Register::Rbx,
        _ => return None,
    };
    let descriptor = argument::entered_with(target, &frames, called, register)?.value;
    let mut found = BTreeMap::new();
    let all = scan::all(target).ok()?;
    let some = all.get(..all.len().min(MOST))?;
    scan::each(target, some, &HashSet::new(), &|_, _| None, &mut |_, stack| {
        // The arguments of a map function are the type and the map, and so are two fields of an iterator.
        for (addr, _) in stack.words().filter(|(_, word)| *word == descriptor) {
            let Some(header) = stack.word(addr.wrapping_add(8)).map(RuntimeAddr) else { continue };
            found.entry(header).or_insert_with(|| is_written(target, header));
        }
        ControlFlow::Continue(())
    });
    found.retain(|_, written| written.is_some());
    let only = |written: bool| {
        let mut those = found.iter().filter(|(_, is)| !written || **is == Some(true)).map(|(header, _)| *header);
        those.next().filter(|_| those.next().is_none())
    };
    let header = only(true).or_else(|| only(false))?;
    Some(map::describe(target, &frames, called, header, Some(RuntimeAddr(descriptor)), Sureness::Inferred))
}

/// Whether the map there is marked as being written; `None` if there is none, or it is empty.
fn is_written(target: &Target<'_>, header: RuntimeAddr) -> Option<bool> {
    if header.0 == 0 || !map::looks_like_a_map(target, header) {
        return None;
    }
    let facts = header_at(target, header).ok()?;
    (!facts.header.is_empty()).then(|| facts.header.is_writing())
}

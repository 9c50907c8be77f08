//! What return addresses tell that belong to no live call: in the dead part of a stack, and in the gaps of the live one.

use goprogram::{LinkAddr, MapCall, Parameters};

use super::evidence::{Clue, Evidence, Wanted};
use super::scan::Stack;
use crate::frames::UnwoundFrame;
use crate::memory::RuntimeAddr;
use crate::stack::Pc;
use crate::threads::kind_of;

/// A dead call's callers are followed so far.
const DEEPEST: usize = 32;

impl Wanted<'_> {
    /// What a return address tells that belongs to no live call.
    pub(super) fn trace(&self, stack: &Stack, frames: &[UnwoundFrame], addr: u64, call: &MapCall) -> Option<Evidence> {
        let target = self.target;
        let sp = addr.wrapping_add(8);
        let rule = target.program.caller_frame(LinkAddr(call.ret.0.wrapping_sub(1))).ok()?;
        let end = sp.wrapping_add_signed(rule.offset_from_sp);
        let is_it = self.has_arguments(stack, call, sp, end)
            || self.leads.contains(&target.bias.to_runtime(call.ret).0)
            || self.words_in(stack, &(sp..end)).next().is_some();
        if !is_it {
            return None;
        }
        let intact = addr < stack.sp && self.is_last_call(stack, frames, addr, end);
        let clue = if intact { Clue::Returned } else { Clue::Trace };
        let at = Pc { addr: target.bias.to_runtime(call.ret), cfa: RuntimeAddr(end), is_return: true };
        Some(self.of_call(clue, call, Some(at)))
    }

    /// Whether the return address in the dead part of a stack, in a frame that ends at `end`, is part of the
    /// last call that the innermost live frame has made: each caller has its frame right above, up to there.
    fn is_last_call(&self, stack: &Stack, frames: &[UnwoundFrame], mut addr: u64, mut end: u64) -> bool {
        let target = self.target;
        let Some(top) = frames.first() else { return false };
        for _ in 0..DEEPEST {
            if end == addr.wrapping_add(8) || end > top.sp.0 {
                return end > top.sp.0 && addr.wrapping_add(8) == top.sp.0;
            }
            let callee = stack.word(addr).map(|ret| target.bias.to_link(RuntimeAddr(ret)).0.wrapping_sub(1));
            let callee = callee.and_then(|inside| target.program.function_at(LinkAddr(inside)));
            addr = end.wrapping_sub(8);
            let Some(ret) = stack.word(addr).map(|ret| target.bias.to_link(RuntimeAddr(ret))) else { return false };
            // A direct call must lead to the function that it is said to have called.
            let leads = target.program.callee(ret);
            if leads.is_some() && leads != callee.map(|callee| callee.entry) {
                return false;
            }
            let inside = LinkAddr(ret.0.wrapping_sub(1));
            if addr.wrapping_add(8) == top.sp.0 {
                let link = target.bias.to_link(top.pc.instruction());
                let own = target.program.function_at(link);
                return own.is_some() && own == target.program.function_at(inside);
            }
            let Ok(rule) = target.program.caller_frame(inside) else { return false };
            end = addr.wrapping_add(8).wrapping_add_signed(rule.offset_from_sp);
        }
        false
    }

    /// What a return address into map code tells that belongs to no live call.
    pub(super) fn wrote(&self, stack: &Stack, addr: u64, word: u64) -> Option<Evidence> {
        let target = self.target;
        let ret = target.bias.to_link(RuntimeAddr(word));
        let is_return = *self.returns.borrow_mut().entry(word).or_insert_with(|| target.program.is_return_address(ret));
        if !is_return {
            return None;
        }
        let inside = LinkAddr(ret.0.wrapping_sub(1));
        let function = target.program.function_at(inside)?;
        let kind = kind_of(target.program.map_function(&function.name)?.kind)?;
        let parameters = Parameters::named(&function.name);
        let rule = target.program.caller_frame(inside).ok()?;
        let end = addr.wrapping_add(8).wrapping_add_signed(rule.offset_from_sp);
        let argument = |index: Option<u64>| stack.word(end.wrapping_add(8 * index?));
        let (ty, map) = parameters.map_or((None, None), |it| (argument(it.ty), argument(it.map)));
        let clue = if map == Some(self.header) {
            Clue::Trace
        } else if ty.is_some_and(|ty| self.descriptors.contains(&ty)) || self.is_shared(&function) {
            // Those are the arguments, and the map is another one; or nothing tells even its type.
            return None;
        } else {
            Clue::Wrote
        };
        Some(Evidence { clue, kind: Some(kind), function: Some(function.name), at: None })
    }
}

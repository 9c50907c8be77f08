//! The frames of a goroutine's stack, across what interrupted it: a signal, the runtime's own stack, C code.

use goprogram::Register;

use crate::memory::{RuntimeAddr, read_bytes};
use crate::registers::{ThreadRegisters, UserRegisters, VECTORS};
use crate::stack::{self, Pc};
use crate::target::Target;

/// A frame of a goroutine's stack, with what is known of its registers.
#[derive(Clone, Debug)]
pub struct UnwoundFrame {
    /// Where it is, and its canonical frame address.
    pub pc: Pc,
    /// Its stack pointer.
    pub sp: RuntimeAddr,
    /// All registers: only of the innermost frame of a stopped thread, and of one that a signal
    /// interrupted. Go saves none across a call.
    pub registers: Option<ThreadRegisters>,
}

impl UnwoundFrame {
    /// What the frame's register holds; of a caller only `rip` and `rsp` are known.
    #[must_use]
    pub fn register(&self, register: Register) -> Option<u64> {
        match (&self.registers, register) {
            (Some(registers), _) => registers.get(register),
            (None, Register::Rip) => Some(self.pc.addr.0),
            (None, Register::Rsp) => Some(self.sp.0),
            _ => None,
        }
    }
}

/// Signals that are handled within each other's handlers, at most. (Each needs a stack of its own.)
const MOST_SIGNALS: usize = 4;

/// The functions that the kernel calls for a signal. The frame above them is the one that it interrupted.
const SIGNAL_HANDLERS: [&str; 2] = ["runtime.sigtramp", "runtime.cgoSigtramp"];

/// Where the runtime leaves a goroutine's stack for the thread's own.
const LEAVES_STACK: &str = "runtime.systemstack_switch";

/// What is at the bottom of the thread's own stack once a goroutine has been left in order to run another one, or to
/// grow its stack (src/runtime/asm_amd64.s).
const LEFT: [&str; 2] = ["runtime.mcall", "runtime.morestack"];

/// What leads a thread from its own stack to that of the goroutine that it is to run, by what the runtime has saved
/// of that (src/runtime/asm_amd64.s).
const RESUMES: [&str; 2] = ["runtime.gogo", "gogo"];

/// Walks a stack that no thread runs on, or a caller's.
pub(crate) fn walk(target: &Target<'_>, pc: RuntimeAddr, sp: RuntimeAddr) -> Vec<UnwoundFrame> {
    let stack = stack::walk(target, pc, sp);
    // A caller's stack pointer is its callee's frame address.
    let pointers = std::iter::once(sp).chain(stack.iter().map(|pc| pc.cfa));
    stack.iter().zip(pointers).map(|(pc, sp)| UnwoundFrame { pc: *pc, sp, registers: None }).collect()
}

/// Walks a stopped thread's stack, and the stack of the goroutine `g` that it runs.
pub(crate) fn walk_thread(
    target: &Target<'_>,
    tid: u32,
    g: Option<RuntimeAddr>,
    pc: RuntimeAddr,
    sp: RuntimeAddr,
) -> Vec<UnwoundFrame> {
    let mut frames = walk(target, pc, sp);
    for _ in 0..MOST_SIGNALS {
        let Some((handler, registers)) = interrupted(target, tid, &frames) else { break };
        frames.truncate(handler + 1);
        let at = |register| RuntimeAddr(registers.get(register).unwrap_or(0));
        let mut rest = walk(target, at(Register::Rip), at(Register::Rsp));
        if let Some(first) = rest.first_mut() {
            first.registers = Some(registers);
        }
        frames.append(&mut rest);
    }
    if let Some(g) = g {
        if let Some((on_its_way, mut rest)) = resumed(target, g, &frames) {
            frames.truncate(on_its_way + 1);
            frames.append(&mut rest);
            return frames;
        }
        frames.extend(left(target, g, &frames).unwrap_or_default());
    }
    frames
}

/// The stack of a goroutine that no thread runs: where it is to go on.
pub(crate) fn walk_resting(target: &Target<'_>, g: RuntimeAddr) -> Option<Vec<UnwoundFrame>> {
    let layout = target.program.runtime_layout().ok()?.g;
    let pc = target.pointer(g.plus(layout.sched_pc)).ok()?;
    let sp = target.pointer(g.plus(layout.sched_sp)).ok()?;
    Some(walk(target, pc, sp))
}

/// If a stack ends in a signal handler: which frame that is, and the registers that the signal interrupted.
fn interrupted(target: &Target<'_>, tid: u32, frames: &[UnwoundFrame]) -> Option<(usize, ThreadRegisters)> {
    // The handler's caller is a few instructions for the way back into the kernel, Go's or the C library's.
    let from = frames.len().saturating_sub(2);
    let is_handler = |frame: &UnwoundFrame| {
        let function = target.program.function_at(target.bias.to_link(frame.pc.instruction()));
        function.is_some_and(|function| SIGNAL_HANDLERS.contains(&function.name.trim_end_matches(".abi0")))
    };
    let handler = from + frames.get(from..)?.iter().position(is_handler)?;
    // The kernel has put the registers just above the handler's return address
    // (struct rt_sigframe, arch/x86/include/asm/sigframe.h).
    let context = frames.get(handler)?.pc.cfa;
    let mut registers = ThreadRegisters::stopped(tid, saved(target, context)?);
    if let Ok(state) = target.pointer(context.plus(CONTEXT_VECTORS))
        && let Ok(bytes) = read_bytes(target.memory, state.plus(VECTORS as u64), 256)
    {
        registers.set_vectors(&bytes);
    }
    Some((handler, registers))
}

/// Where a `ucontext` keeps the registers (`uc_mcontext`, include/uapi/asm-generic/ucontext.h).
const CONTEXT_REGISTERS: u64 = 40;

/// Where it keeps the address of the vector registers (`fpstate` of `struct sigcontext_64`).
const CONTEXT_VECTORS: u64 = CONTEXT_REGISTERS + 23 * 8;

/// The order of the registers in a `ucontext` (`struct sigcontext_64`, arch/x86/include/uapi/asm/sigcontext.h),
/// as places in [`UserRegisters`].
const CONTEXT_ORDER: [usize; 18] = [9, 8, 7, 6, 3, 2, 1, 0, 14, 13, 4, 5, 12, 10, 11, 19, 16, 18];

fn saved(target: &Target<'_>, context: RuntimeAddr) -> Option<UserRegisters> {
    let bytes = read_bytes(target.memory, context.plus(CONTEXT_REGISTERS), CONTEXT_ORDER.len() * 8).ok()?;
    let mut registers: UserRegisters = [0; 27];
    for (word, place) in bytes.chunks_exact(8).zip(CONTEXT_ORDER) {
        *registers.get_mut(place)? = u64::from_le_bytes(word.try_into().ok()?);
    }
    Some(registers)
}

/// Which frame is on its way to the goroutine's stack, and the frames there.
fn resumed(target: &Target<'_>, g: RuntimeAddr, frames: &[UnwoundFrame]) -> Option<(usize, Vec<UnwoundFrame>)> {
    let resumes = |(index, frame): (usize, &UnwoundFrame)| {
        // It calls nobody.
        let may = index == 0 || frame.registers.is_some();
        let function = || target.program.function_at(target.bias.to_link(frame.pc.addr));
        may && function().is_some_and(|function| RESUMES.contains(&function.name.trim_end_matches(".abi0")))
    };
    let on_its_way = frames.iter().enumerate().position(resumes)?;
    let layout = target.program.runtime_layout().ok()?.g;
    let word = |offset| target.pointer(g.plus(offset)).ok();
    let own = word(layout.stack_lo)?..word(layout.stack_hi)?;
    // What is saved is wiped once the thread is there.
    let sp = Some(frames.get(on_its_way)?.sp).filter(|sp| own.contains(sp)).or_else(|| word(layout.sched_sp))?;
    Some((on_its_way, walk(target, word(layout.sched_pc)?, sp)))
}

/// The goroutine's own stack, where its thread is on another one: the runtime's, or C's.
fn left(target: &Target<'_>, g: RuntimeAddr, frames: &[UnwoundFrame]) -> Option<Vec<UnwoundFrame>> {
    let layout = target.program.runtime_layout().ok()?;
    let low = target.pointer(g.plus(layout.g.stack_lo)).ok()?;
    let high = target.pointer(g.plus(layout.g.stack_hi)).ok()?;
    let is_own = |frames: &[UnwoundFrame]| frames.iter().any(|frame| (low..high).contains(&frame.sp));
    if is_own(frames) {
        return None;
    }
    // In the vDSO (the clock) the thread's structure says where Go called it: on the goroutine's stack or its own.
    let m = target.pointer(g.plus(layout.g.m)).ok()?;
    let field = |name| {
        let offset = target.program.field_offset("runtime.m", name).ok()?;
        target.pointer(m.plus(offset)).ok().filter(|value| value.0 != 0)
    };
    let mut rest = match (field("vdsoPC"), field("vdsoSP")) {
        (Some(pc), Some(sp)) => walk(target, pc, sp),
        _ => Vec::new(),
    };
    for frame in &mut rest {
        frame.pc.is_return = true;
    }
    if !is_own(&rest) {
        let frames = if rest.is_empty() { frames } else { &rest };
        rest.extend(saved_frames(target, g, frames).unwrap_or_default());
    }
    Some(rest)
}

/// The goroutine's own stack as the runtime has saved it, if `frames`, its thread's own, tell that it is true.
fn saved_frames(target: &Target<'_>, g: RuntimeAddr, frames: &[UnwoundFrame]) -> Option<Vec<UnwoundFrame>> {
    let layout = target.program.runtime_layout().ok()?;
    // What the runtime saved is only true where it has left the stack in order: for its own stack, or
    // for the kernel and C.
    let pc = target.pointer(g.plus(layout.g.sched_pc)).ok()?;
    let function = target.program.function_at(target.bias.to_link(pc))?.name;
    let status = target.uint(g.plus(layout.g.atomicstatus), 4).ok()? & !crate::goroutine::SCAN;
    let in_system = layout.statuses.iter().any(|(value, name)| *value == status && name == "syscall");
    let bottom = frames.last().and_then(|frame| {
        let link = target.bias.to_link(frame.pc.instruction());
        Some(target.program.function_at(link)?.name)
    });
    let was_left = bottom.is_some_and(|name| LEFT.contains(&name.trim_end_matches(".abi0")));
    let in_order = in_system || was_left || function.trim_end_matches(".abi0") == LEAVES_STACK;
    in_order.then(|| walk_resting(target, g)).flatten()
}

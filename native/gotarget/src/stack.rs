//! Stacks of goroutines: return addresses by the program's own unwinding table, then names and lines.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use goprogram::{CfaRule, Function, Line, LinkAddr, Program};

use crate::memory::{LoadBias, Memory, RuntimeAddr, Unreadable, read_bytes};
use crate::target::Target;

/// Frames kept of one stack: more than any report shows, few enough for a damaged stack to end soon.
const DEEPEST: usize = 64;

/// Bytes of stack read at once: the frames of a usual map access fit.
const STACK_PIECE: usize = 1024;

/// Where one frame of a stack is: raw, so that taking a stack costs little.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pc {
    /// The next instruction of the frame: for every frame but the innermost, its return address.
    pub addr: RuntimeAddr,
    /// The address just above the frame: its canonical frame address.
    pub cfa: RuntimeAddr,
    /// Whether this is a return address, so that the call is the instruction before it.
    pub is_return: bool,
}

impl Pc {
    /// An address inside the instruction that the frame is executing.
    #[must_use]
    pub fn instruction(self) -> RuntimeAddr {
        if self.is_return { RuntimeAddr(self.addr.0.wrapping_sub(1)) } else { self.addr }
    }
}

/// One line of a stack as Go prints it. An inlined call is a line of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The next instruction of the frame.
    pub pc: RuntimeAddr,
    /// The function's name as Go prints it, without type arguments: `main.drain[...]`.
    pub function: String,
    /// The source file's path, as recorded at build time.
    pub file: String,
    /// The line, from 1; 0 when unknown.
    pub line: u32,
    /// Bytes from the start of the (outer) function.
    pub offset: u64,
    /// Whether this call was inlined into the next frame.
    pub inlined: bool,
    /// Whether the compiler made the function, as around the call of a `go` statement.
    pub wrapper: bool,
}

impl Frame {
    /// A frame of which only the address is known.
    #[must_use]
    pub fn unknown(pc: RuntimeAddr) -> Self {
        Frame { pc, function: "?".to_owned(), file: String::new(), line: 0, offset: 0, inlined: false, wrapper: false }
    }

    /// Whether the frame belongs to the Go runtime or to what the runtime calls its own.
    #[must_use]
    pub fn is_runtime(&self) -> bool {
        is_runtime_function(&self.function)
    }
}

/// Whether a function is part of the Go runtime (package runtime, its internal parts, and the
/// reflect functions that only pass a map operation on).
#[must_use]
pub fn is_runtime_function(name: &str) -> bool {
    ["runtime.", "internal/runtime/", "runtime/internal/", "internal/abi.", "reflect.map"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

/// Walks a stack from `pc` and `sp`. It ends at the goroutine's first function, at code that isn't Go's,
/// or where memory cannot be read: the frames found until then are returned.
#[must_use]
pub fn walk(target: &Target<'_>, pc: RuntimeAddr, sp: RuntimeAddr) -> Vec<Pc> {
    let mut stack = StackMemory { memory: target.memory, base: sp, bytes: Vec::new() };
    let (mut addr, mut sp, mut is_return) = (pc, sp, false);
    let mut frames = Vec::new();
    while frames.len() < DEEPEST {
        let here = Pc { addr, cfa: sp, is_return };
        let link = target.bias.to_link(here.instruction());
        let Some(rule) = target.names.caller_frame(target.program, link) else { break };
        let cfa = RuntimeAddr(sp.0.wrapping_add_signed(rule.offset_from_sp));
        frames.push(Pc { cfa, ..here });
        // A stack grows towards higher addresses as we walk: anything else is damage.
        if cfa <= sp {
            break;
        }
        match stack.word(RuntimeAddr(cfa.0.wrapping_sub(8))) {
            Ok(0) | Err(_) => break,
            Ok(caller) => (addr, sp, is_return) = (RuntimeAddr(caller), cfa, !target.names.is_injected(target, here)),
        }
    }
    frames
}

/// The stack of a thread that has run on since: `callers` are the return addresses that its frame pointer led to,
/// innermost first, and `top` is the word that its stack pointer pointed to. Nothing is read from the process. `here`
/// is the innermost frame: `is_return` says that what counts is the instruction before.
#[must_use]
pub fn recorded(target: &Target<'_>, mut here: Pc, top: Option<u64>, callers: &[u64]) -> Vec<Pc> {
    // Before it has a frame of its own, and if it never gets one, the frame pointer is its caller's.
    let top = top.filter(|_| !target.names.has_frame(target, here.addr));
    let mut frames = vec![here];
    for caller in top.iter().chain(callers).take(DEEPEST - 1) {
        here = Pc { addr: RuntimeAddr(*caller), is_return: !target.names.is_injected(target, here), ..here };
        frames.push(here);
    }
    frames
}

/// Names and lines that were already looked up: the same few places come again and again.
#[derive(Debug, Default)]
pub struct Names {
    known: RefCell<Known>,
    framed: RefCell<HashMap<RuntimeAddr, bool>>,
    rules: RefCell<HashMap<LinkAddr, Option<CfaRule>>>,
    injected: OnceCell<Vec<Function>>,
}

/// Functions that a signal handler makes a goroutine call, at any instruction (`isInjectedCall` and
/// `sigpanic` in src/runtime/traceback.go and signal_unix.go, Go 1.14 to 1.27).
const INJECTED: [&str; 3] = ["runtime.asyncPreempt.abi0", "runtime.asyncPreempt", "runtime.sigpanic"];

impl Names {
    /// Where a frame's caller is: thousands of goroutines rest in the same few places.
    fn caller_frame(&self, program: &Program, pc: LinkAddr) -> Option<CfaRule> {
        *self.rules.borrow_mut().entry(pc).or_insert_with(|| program.caller_frame(pc).ok())
    }

    /// Whether a function has a frame of its own when it is at `pc`.
    fn has_frame(&self, target: &Target<'_>, pc: RuntimeAddr) -> bool {
        let look_up = || {
            let rule = target.program.caller_frame(target.bias.to_link(pc));
            // Nothing but the return address lies between.
            rule.map_or(true, |rule| rule.offset_from_sp > size_of::<u64>() as i64)
        };
        *self.framed.borrow_mut().entry(pc).or_insert_with(look_up)
    }

    /// Whether the frame's function was called by no instruction: then its caller is to go on at the
    /// very address, and not behind a call.
    fn is_injected(&self, target: &Target<'_>, pc: Pc) -> bool {
        let find = || INJECTED.iter().filter_map(|name| target.program.function(name)).collect();
        let link = target.bias.to_link(pc.instruction());
        self.injected.get_or_init(find).iter().any(|function| (function.entry..function.end).contains(&link))
    }
}

/// By address, and whether it is a return address.
type Known = HashMap<(RuntimeAddr, bool), Rc<[Frame]>>;

/// The lines of one frame, innermost first: several where calls were inlined.
#[must_use]
pub fn lines(target: &Target<'_>, pc: Pc) -> Rc<[Frame]> {
    let mut known = target.names.known.borrow_mut();
    known.entry((pc.addr, pc.is_return)).or_insert_with(|| look_up(target.program, target.bias, pc).into()).clone()
}

/// A whole stack with names and lines, as Go prints it: without the wrappers that the compiler makes, and
/// without the `runtime.goexit` at its end.
#[must_use]
pub fn describe(target: &Target<'_>, stack: &[Pc]) -> Vec<Frame> {
    let frames = stack.iter().flat_map(|pc| lines(target, *pc).to_vec());
    let mut frames: Vec<Frame> =
        frames.enumerate().filter(|(depth, frame)| *depth == 0 || !is_wrapper(frame)).map(|(_, frame)| frame).collect();
    if frames.last().is_some_and(|frame| frame.function == "runtime.goexit") {
        frames.pop();
    }
    frames
}

/// Whether the compiler made a function that nobody wrote: around the call of a `go` or `defer` statement
/// (named so since Go 1.22: closureName in src/cmd/compile/internal/ir/func.go), or a method's.
fn is_wrapper(frame: &Frame) -> bool {
    let name = frame.function.rsplit('.').next().unwrap_or_default();
    let is_numbered = |prefix| {
        let number: Option<&str> = name.strip_prefix(prefix);
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    frame.wrapper || is_numbered("gowrap") || is_numbered("deferwrap") || frame.file == "<autogenerated>"
}

/// The innermost frame outside the runtime: the line of the program that did it.
#[must_use]
pub fn caller(target: &Target<'_>, stack: &[Pc]) -> Option<Frame> {
    stack.iter().find_map(|pc| lines(target, *pc).iter().find(|frame| !frame.is_runtime()).cloned())
}

fn look_up(program: &Program, bias: LoadBias, pc: Pc) -> Vec<Frame> {
    let link = bias.to_link(pc.instruction());
    let function = program.function_at(link);
    let offset = function.as_ref().map_or(0, |f| bias.to_link(pc.addr).0.saturating_sub(f.entry.0));
    let lines = program.lines_at(link).unwrap_or_default();
    if lines.is_empty() {
        let unknown = Frame { offset, ..Frame::unknown(pc.addr) };
        return vec![function.map_or(unknown.clone(), |f| Frame { function: as_printed(f.name), ..unknown })];
    }
    let frame = |Line { function, file, line, inlined, wrapper }| {
        let function = as_printed(function);
        Frame { pc: pc.addr, function, file, line, offset, inlined, wrapper }
    };
    lines.into_iter().map(frame).collect()
}

/// A function's name without its type arguments (funcNamePiecesForPrint in src/runtime/traceback.go): the
/// linker's hold shapes that no source has. A generic method of a generic type, which Go has since 1.27,
/// has two lists of them.
pub(crate) fn as_printed(name: String) -> String {
    let mut printed = String::new();
    let mut depth = 0u32;
    for character in name.chars() {
        match character {
            '[' => {
                if depth == 0 {
                    printed.push_str("[...]");
                }
                depth += 1;
            }
            ']' if depth > 0 => depth -= 1,
            _ if depth == 0 => printed.push(character),
            _ => {}
        }
    }
    if depth == 0 { printed } else { name }
}

/// The stack's bytes, read piece by piece instead of word by word.
struct StackMemory<'a> {
    memory: &'a dyn Memory,
    base: RuntimeAddr,
    bytes: Vec<u8>,
}

impl StackMemory<'_> {
    fn word(&mut self, addr: RuntimeAddr) -> Result<u64, Unreadable> {
        if let Some(word) = self.cached(addr) {
            return Ok(word);
        }
        self.base = addr;
        self.bytes =
            read_bytes(self.memory, addr, STACK_PIECE).or_else(|_| read_bytes(self.memory, addr, size_of::<u64>()))?;
        self.cached(addr).ok_or(Unreadable::unmapped(addr, size_of::<u64>()))
    }

    fn cached(&self, addr: RuntimeAddr) -> Option<u64> {
        let from = usize::try_from(addr.0.checked_sub(self.base.0)?).ok()?;
        let word = self.bytes.get(from..from.checked_add(size_of::<u64>())?)?;
        Some(u64::from_le_bytes(word.try_into().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_arguments_are_printed_as_dots() {
        for (name, printed) in [
            ("main.main", "main.main"),
            ("main.drain[go.shape.int]", "main.drain[...]"),
            ("main.drain[go.shape.[]int].func1", "main.drain[...].func1"),
            ("main.(*Set[go.shape.map[string]int,go.shape.int]).Add", "main.(*Set[...]).Add"),
            ("main.(*Set[go.shape.int]).Map[go.shape.[]int].func1", "main.(*Set[...]).Map[...].func1"),
            ("main.odd[", "main.odd["),
            ("main.odd]", "main.odd]"),
        ] {
            assert_eq!(as_printed(name.to_owned()), printed);
        }
    }

    #[test]
    fn only_what_the_compiler_made_is_a_wrapper() {
        let is_wrapper = |function: &str, file: &str| {
            let frame = Frame::unknown(RuntimeAddr(0));
            is_wrapper(&Frame { function: function.to_owned(), file: file.to_owned(), ..frame })
        };
        assert!(is_wrapper("main.start.gowrap1", "main.go"));
        assert!(is_wrapper("main.(*Server).Serve.func2.deferwrap10", "main.go"));
        assert!(is_wrapper("main.(*Pool).Close", "<autogenerated>"));
        assert!(!is_wrapper("main.start.func1", "main.go"));
        assert!(!is_wrapper("main.gowrap", "main.go"));
        assert!(!is_wrapper("main.gowrapped", "main.go"));
    }
}

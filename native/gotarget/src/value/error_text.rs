//! What `Error()` returns, of errors whose types are known well enough to say it without a call.

use super::tree::Text;
use super::types::{Shape, TypeId};
use super::walk::{Source, Walk, whole_characters};
use super::{part, word};
use crate::memory::RuntimeAddr;

/// Errors that wrap errors are followed so deep.
const DEEPEST: u32 = 8;

/// A piece of a message.
#[derive(Clone, Copy)]
enum Piece {
    Word(&'static str),
    /// A field of type string.
    Field(&'static str),
    /// The same in quotes.
    Quoted(&'static str),
    /// A field of type error.
    Error(&'static str),
}

use Piece::{Error, Field, Quoted, Word};

/// The `Error` methods of types in Go's own packages, unchanged in meaning from Go 1.18 to 1.27.
const MESSAGES: [(&str, &[Piece]); 13] = [
    ("*errors.errorString", &[Field("s")]),
    ("*fmt.wrapError", &[Field("msg")]),
    ("*fmt.wrapErrors", &[Field("msg")]),
    ("*io/fs.PathError", &[Field("Op"), Word(" "), Field("Path"), Word(": "), Error("Err")]),
    ("*os.SyscallError", &[Field("Syscall"), Word(": "), Error("Err")]),
    ("*os.LinkError", &[Field("Op"), Word(" "), Field("Old"), Word(" "), Field("New"), Word(": "), Error("Err")]),
    (
        "*strconv.NumError",
        &[Word("strconv."), Field("Func"), Word(": parsing "), Quoted("Num"), Word(": "), Error("Err")],
    ),
    ("*net/url.Error", &[Field("Op"), Word(" "), Quoted("URL"), Word(": "), Error("Err")]),
    ("*os/exec.Error", &[Word("exec: "), Quoted("Name"), Word(": "), Error("Err")]),
    ("context.deadlineExceededError", &[Word("context deadline exceeded")]),
    ("internal/poll.errNetClosing", &[Word("use of closed network connection")]),
    ("*internal/poll.DeadlineExceededError", &[Word("i/o timeout")]),
    ("*github.com/pkg/errors.fundamental", &[Field("msg")]),
];

/// A message so far: as many bytes as the limit allows, and its whole length.
#[derive(Default)]
struct Message {
    bytes: Vec<u8>,
    len: u64,
}

impl Message {
    fn push(&mut self, bytes: &[u8]) {
        // Nothing comes after a cut.
        if self.bytes.len() as u64 == self.len {
            self.bytes.extend(bytes);
        }
        self.len += bytes.len() as u64;
    }
}

impl Walk<'_, '_> {
    /// The message of an error; `None` for any other value.
    pub(super) fn error_text(&mut self, ty: TypeId, source: Source<'_>) -> Option<Text> {
        let mut message = Message::default();
        self.say(ty, source, &mut message, DEEPEST)?;
        message.bytes.truncate(self.values.limits.string);
        Some(whole_characters(message.bytes, message.len))
    }

    fn say(&mut self, ty: TypeId, source: Source<'_>, message: &mut Message, depth: u32) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        let plan = self.plan(ty);
        let read = |walk: &Self| match source {
            Source::Bytes(bytes, _) => Some(bytes.to_vec()),
            Source::Memory(addr) => walk.values.bytes(addr, plan.size).ok(),
        };
        match &*plan.name {
            "syscall.Errno" => {
                let bytes = read(self)?;
                return self.errno(word(&bytes, 0)?, message);
            }
            "runtime.errorString" => message.push(b"runtime error: "),
            "*errors.joinError" => {
                let bytes = read(self)?;
                return self.joined(ty, word(&bytes, 0)?, message, depth);
            }
            _ => {}
        }
        if matches!(&*plan.name, "runtime.errorString" | "runtime.plainError") {
            let bytes = read(self)?;
            return self.string_field(&bytes, 0, message, false);
        }
        let (_, pieces) = MESSAGES.iter().find(|(name, _)| **name == *plan.name)?;
        let (structure, bytes) = match &plan.shape {
            Shape::Pointer(to) => {
                let to = (*to)?;
                let addr = word(&read(self)?, 0).filter(|addr| *addr != 0)?;
                let size = self.plan(to).size;
                (to, self.values.bytes(RuntimeAddr(addr), size).ok()?)
            }
            _ => (ty, read(self)?),
        };
        for piece in *pieces {
            match *piece {
                Word(word) => message.push(word.as_bytes()),
                Field(name) => {
                    let (offset, _) = self.field(structure, name)?;
                    self.string_field(&bytes, offset, message, false)?;
                }
                Quoted(name) => {
                    let (offset, _) = self.field(structure, name)?;
                    self.string_field(&bytes, offset, message, true)?;
                }
                Error(name) => {
                    let (offset, ty) = self.field(structure, name)?;
                    let Shape::Interface { empty } = self.plan(ty).shape else { return None };
                    self.inner(part(&bytes, offset, 16)?, empty, message, depth)?;
                }
            }
        }
        Some(())
    }

    /// The message of the error that an interface holds.
    fn inner(&mut self, bytes: &[u8], empty: bool, message: &mut Message, depth: u32) -> Option<()> {
        let held = self.values.dynamic(bytes, empty).ok()??;
        let word = held.word.to_le_bytes();
        let source = if held.direct { Source::Bytes(&word, None) } else { Source::Memory(RuntimeAddr(held.word)) };
        self.say(held.ty, source, message, depth)
    }

    /// A slice of errors, a line each.
    fn joined(&mut self, ty: TypeId, addr: u64, message: &mut Message, depth: u32) -> Option<()> {
        let Shape::Pointer(Some(structure)) = self.plan(ty).shape else { return None };
        let (offset, _) = self.field(structure, "errs")?;
        let slice = self.values.bytes(RuntimeAddr(addr).plus(offset), 16).ok()?;
        let (data, len) = (word(&slice, 0)?, word(&slice, 8)?);
        // A longer message would be cut anyway.
        let shown = len.min(self.values.limits.items as u64);
        for at in 0..shown {
            if at > 0 {
                message.push(b"\n");
            }
            let error = self.values.bytes(RuntimeAddr(data).plus(at * 16), 16).ok()?;
            self.inner(&error, false, message, depth)?;
            if message.bytes.len() >= self.values.limits.string {
                break;
            }
        }
        (shown == len).then_some(())
    }

    /// The system's name of an error number, as package syscall has it in a table of strings.
    fn errno(&mut self, number: u64, message: &mut Message) -> Option<()> {
        let target = &self.values.target;
        let named = || {
            let table = target.program.variable("syscall.errors").ok()?;
            let size = target.program.ty(table.ty).ok()?.size;
            let offset = number.checked_mul(16).filter(|offset| *offset < size)?;
            let text = target.string(target.bias.to_runtime(table.addr).plus(offset), 128).ok()?;
            Some(text).filter(|text| !text.is_empty())
        };
        message.push(named().unwrap_or_else(|| format!("errno {number}")).as_bytes());
        Some(())
    }

    fn field(&self, structure: TypeId, name: &str) -> Option<(u64, TypeId)> {
        let plan = self.plan(structure);
        let Shape::Struct(members) = &plan.shape else { return None };
        members.iter().find(|member| *member.name == *name).map(|member| (member.offset, member.ty))
    }

    fn string_field(&mut self, bytes: &[u8], offset: u64, message: &mut Message, quoted: bool) -> Option<()> {
        let (data, len) = (word(bytes, offset)?, word(bytes, offset.checked_add(8)?)?);
        let shown = len.min(self.values.limits.string as u64);
        let text = self.text(RuntimeAddr(data), shown).ok()?;
        match quoted {
            true => message.push(format!("{:?}", String::from_utf8_lossy(&text)).as_bytes()),
            false => message.push(&text),
        }
        message.len += len - shown;
        Some(())
    }
}

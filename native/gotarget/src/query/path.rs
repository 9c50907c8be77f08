//! A path from a key or elem to a value inside it: `elem.Owner.Roles[0]`.

use gomap::Entry;
use goprogram::{TypeKind, TypeRef};

use crate::error::Error;
use crate::expression;
use crate::memory::{RuntimeAddr, read_uint};
use crate::target::Target;
use crate::value::{Decoder, Value, Values};

/// A path, made ready for one map: what it takes of DWARF is done once, not for each entry.
pub(super) struct Path {
    root: Root,
    steps: Vec<Step>,
    decoder: Decoder,
    /// The type of what it leads to, and its size.
    ty: TypeRef,
    size: usize,
}

#[derive(Clone, Copy)]
enum Root {
    Key,
    Elem,
}

#[derive(Clone, Copy)]
enum Step {
    /// So many bytes further on.
    Offset(u64),
    /// Through a pointer.
    Pointer,
    /// To an item of a slice.
    Item { index: u64, size: u64 },
}

/// What a path leads to in one entry.
pub(super) enum Reached {
    /// A value.
    Value(Value),
    /// Nothing: a pointer on the way is nil, or a slice too short.
    Nothing,
    /// Memory on the way cannot be read.
    Unreadable,
}

/// Where a path has got to.
#[derive(Clone, Copy)]
enum At {
    /// So far into the entry's own bytes.
    Entry(u64),
    Memory(RuntimeAddr),
}

/// A value larger than this is none that anyone compares.
const LARGEST: u64 = 1 << 20;

/// A path longer than this is a mistake, or a joke.
const LONGEST: usize = 64;

/// How many pointers to pointers are followed for one field.
const POINTERS: usize = 8;

impl Path {
    /// Makes a path ready for a map with these types of keys and elems.
    pub(super) fn new(
        target: &Target<'_>,
        values: &Values<'_>,
        key: TypeRef,
        elem: TypeRef,
        text: &str,
    ) -> Result<Path, Error> {
        let wrong = |why: String| Error::Query { text: text.to_owned(), why };
        let (root, rest) = match (text.strip_prefix("key"), text.strip_prefix("elem")) {
            (Some(rest), _) if is_end(rest) => (Root::Key, rest),
            (_, Some(rest)) if is_end(rest) => (Root::Elem, rest),
            _ => return Err(wrong("a path begins with key or elem, as in elem.Age or key[0]".to_owned())),
        };
        let ty = match root {
            Root::Key => key,
            Root::Elem => elem,
        };
        let mut way = Way { target, steps: Vec::new(), ty };
        let mut rest = rest;
        while !rest.is_empty() {
            if way.steps.len() > LONGEST {
                return Err(wrong("it is too long".to_owned()));
            }
            rest = way
                .go_on(rest)?
                .ok_or_else(|| wrong(format!("cannot read `{rest}`: after a value comes .Field or [index]")))?;
        }
        let Way { steps, ty, .. } = way;
        let size = target.program.ty(ty)?.size;
        let size = usize::try_from(size.min(LARGEST)).unwrap_or_default();
        Ok(Path { root, steps, decoder: values.decoder(ty), ty, size })
    }

    /// What the path leads to in an entry.
    pub(super) fn reach(&self, target: &Target<'_>, values: &Values<'_>, entry: &Entry<'_>) -> Reached {
        let (bytes, addr) = match self.root {
            Root::Key => (entry.key, entry.key_addr),
            Root::Elem => (entry.elem, entry.elem_addr),
        };
        let mut at = At::Entry(0);
        for step in &self.steps {
            at = match step {
                Step::Offset(offset) => at.plus(*offset),
                Step::Pointer => match at.word(target, bytes) {
                    Some(0) => return Reached::Nothing,
                    Some(addr) => At::Memory(RuntimeAddr(addr)),
                    None => return Reached::Unreadable,
                },
                Step::Item { index, size } => match (at.word(target, bytes), at.plus(8).word(target, bytes)) {
                    (Some(_), Some(len)) if *index >= len => return Reached::Nothing,
                    (Some(data), Some(_)) => At::Memory(RuntimeAddr(data.wrapping_add(index.wrapping_mul(*size)))),
                    _ => return Reached::Unreadable,
                },
            };
        }
        let value = match at {
            At::Memory(addr) => values.read(self.ty, addr),
            At::Entry(offset) => match part(bytes, offset, self.size) {
                Some(part) => values.decode_with(self.decoder, part, Some(RuntimeAddr(addr.wrapping_add(offset)))),
                None => return Reached::Unreadable,
            },
        };
        if let Value::Unreadable { .. } = value { Reached::Unreadable } else { Reached::Value(value) }
    }

    /// A value of the kind that the path leads to, to tell what it can be compared with.
    pub(super) fn sample(&self, values: &Values<'_>) -> Value {
        values.decode_with(self.decoder, &vec![0; self.size], None)
    }
}

/// Whether nothing follows of a word.
fn is_end(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with(['.', '['])
}

fn part(bytes: &[u8], offset: u64, len: usize) -> Option<&[u8]> {
    let from = usize::try_from(offset).ok()?;
    bytes.get(from..from.checked_add(len)?)
}

impl At {
    fn plus(self, offset: u64) -> At {
        match self {
            At::Entry(at) => At::Entry(at.wrapping_add(offset)),
            At::Memory(addr) => At::Memory(RuntimeAddr(addr.0.wrapping_add(offset))),
        }
    }

    fn word(self, target: &Target<'_>, bytes: &[u8]) -> Option<u64> {
        match self {
            At::Entry(offset) => Some(u64::from_le_bytes(part(bytes, offset, 8)?.try_into().ok()?)),
            At::Memory(addr) => read_uint(target.memory, addr, 8).ok(),
        }
    }
}

/// A path on its way through types.
struct Way<'a> {
    target: &'a Target<'a>,
    steps: Vec<Step>,
    ty: TypeRef,
}

impl Way<'_> {
    /// Takes one `.Field` or `[index]` from the text, and gives the rest; `None` if it is neither.
    fn go_on<'t>(&mut self, text: &'t str) -> Result<Option<&'t str>, Error> {
        self.follow_pointers()?;
        if let Some(rest) = text.strip_prefix('.') {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (name, rest) = rest.split_at(end);
            if name.is_empty() {
                return Ok(None);
            }
            for field in expression::field_path(self.target, self.ty, name)? {
                self.follow_pointers()?;
                self.steps.push(Step::Offset(field.offset));
                self.ty = field.ty;
            }
            return Ok(Some(rest));
        }
        let Some((index, rest)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) else { return Ok(None) };
        let Ok(index) = index.trim().parse::<u64>() else { return Ok(None) };
        let ty = self.target.program.ty(self.ty)?;
        let (step, item) = match ty.kind {
            TypeKind::Array { elem, len } if index < len => {
                (Step::Offset(index.wrapping_mul(self.target.program.ty(elem)?.size)), elem)
            }
            TypeKind::Slice { elem } => (Step::Item { index, size: self.target.program.ty(elem)?.size }, elem),
            TypeKind::Array { len, .. } => {
                let why = format!("{} has only {len} items, counted from 0", ty.name);
                return Err(Error::Query { text: format!("[{index}]"), why });
            }
            _ => {
                let why = format!("{} is neither an array nor a slice: only those have items", ty.name);
                return Err(Error::Query { text: format!("[{index}]"), why });
            }
        };
        self.steps.push(step);
        self.ty = item;
        Ok(Some(rest))
    }

    fn follow_pointers(&mut self) -> Result<(), Error> {
        for _ in 0..POINTERS {
            let TypeKind::Pointer { target: Some(pointee) } = self.target.program.ty(self.ty)?.kind else { break };
            self.steps.push(Step::Pointer);
            self.ty = pointee;
        }
        Ok(())
    }
}

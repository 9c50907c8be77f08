//! Keys as people write them, turned into the bytes that a map would hold of them.

mod number;
mod text;

use gomap::{KeyTypes, Overlay};
use goprogram::{Field, Type, TypeKind, TypeRef};

use crate::error::Error;
use crate::hasher::Types;
use crate::target::Target;

/// A key to look for.
#[derive(Clone, Debug)]
pub struct Key {
    /// What a slot would hold of it.
    pub bytes: Vec<u8>,
    /// What these bytes refer to: strings' bytes, values in interfaces. It lies over the process's memory.
    arena: Vec<u8>,
}

impl Key {
    /// A key whose bytes were taken from the process: what they refer to is there.
    #[must_use]
    pub fn of_process(bytes: Vec<u8>) -> Key {
        Key { bytes, arena: Vec::new() }
    }

    /// Reads a key of this type: `42`, `0x2a`, `'x'`, `1.5`, `true`, `"alice"` or just `alice`, `{1, 2}`,
    /// `Point{X: 1, Y: 2}`, `[1, 2]`, `1.5s`, `0xc000012180` for a pointer, and for an interface `int(3)`, `"x"`,
    /// `main.T{1}`, `(*main.T)(0xc000012180)`, `nil`.
    ///
    /// # Errors
    /// [`Error::Key`]: the text is none of this type.
    pub fn parse(target: &Target<'_>, key_type: TypeRef, text: &str) -> Result<Key, Error> {
        let ty = target.program.ty(key_type)?;
        let mut parser = Parser { target, whole: text, rest: text.trim(), arena: Vec::new(), depth: 0 };
        if matches!(ty.kind, TypeKind::String) && !text.trim_start().starts_with(['"', '`']) {
            // A bare word, which may hold anything.
            let bytes = parser.string(text.as_bytes());
            return Ok(Key { bytes, arena: parser.arena });
        }
        let bytes = parser.value(&ty)?;
        if !parser.rest.trim().is_empty() {
            let why = format!("`{}` is left over; put the key in quotes if the shell splits it", parser.rest.trim());
            return Err(parser.error(&ty, why));
        }
        Ok(Key { bytes, arena: parser.arena })
    }

    /// What the key's bytes refer to beyond the process's memory.
    pub fn arena(&self) -> &[u8] {
        &self.arena
    }
}

/// Keys are so deep in each other at most.
const DEEPEST: u32 = 64;

/// The largest key that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// Reads a key from the left.
struct Parser<'a> {
    target: &'a Target<'a>,
    /// All of it, for errors.
    whole: &'a str,
    rest: &'a str,
    arena: Vec<u8>,
    depth: u32,
}

impl<'a> Parser<'a> {
    fn error(&self, ty: &Type, why: impl Into<String>) -> Error {
        Error::Key { text: self.whole.to_owned(), ty: ty.name.clone(), why: why.into() }
    }

    /// Reads a value of this type: its bytes.
    fn value(&mut self, ty: &Type) -> Result<Vec<u8>, Error> {
        self.depth += 1;
        if self.depth > DEEPEST || ty.size > LARGEST {
            return Err(self.error(ty, "such a large key can't be given; use a filter over all entries instead"));
        }
        self.rest = self.rest.trim_start();
        let value = match &ty.kind {
            TypeKind::Interface { empty } => self.interface(ty, *empty),
            TypeKind::Array { elem, len } => self.array(ty, *elem, *len),
            TypeKind::Struct { fields } => self.structure(ty, fields),
            _ => match self.conversion(ty)? {
                Some(bytes) => Ok(bytes),
                None => self.scalar(ty),
            },
        };
        self.depth -= 1;
        value
    }

    /// `int8(5)` where an int8 is wanted.
    fn conversion(&mut self, ty: &Type) -> Result<Option<Vec<u8>>, Error> {
        let Some((name, rest)) = self.rest.split_once('(') else { return Ok(None) };
        if !is_name_of(name, ty) {
            return Ok(None);
        }
        self.rest = rest;
        let value = self.value(ty)?;
        self.expect(ty, ')')?;
        Ok(Some(value))
    }

    fn scalar(&mut self, ty: &Type) -> Result<Vec<u8>, Error> {
        let size = ty.size as usize;
        match &ty.kind {
            TypeKind::String if self.rest.starts_with(['"', '`']) => {
                let (bytes, rest) = text::quoted(self.rest).map_err(|why| self.error(ty, why))?;
                self.rest = rest;
                Ok(self.string(&bytes))
            }
            TypeKind::String => {
                let word = self.word();
                Ok(self.string(word.as_bytes()))
            }
            TypeKind::Bool => match self.word() {
                "true" => Ok(vec![1]),
                "false" => Ok(vec![0]),
                _ => Err(self.error(ty, "give true or false")),
            },
            TypeKind::Int | TypeKind::Uint => {
                let signed = matches!(ty.kind, TypeKind::Int);
                let number = self.integer(ty)?;
                number::integer_bytes(number, size, signed).map_err(|why| self.error(ty, why))
            }
            TypeKind::Pointer { .. } | TypeKind::Chan { .. } | TypeKind::UnsafePointer => match self.word() {
                "nil" => Ok(vec![0; size]),
                word => number::integer(word)
                    .and_then(|number| number::integer_bytes(number, size, false))
                    .map_err(|_| self.error(ty, "give its address, such as 0xc000012180, or nil")),
            },
            TypeKind::Float => {
                let word = self.word();
                number::float_bytes(word, size).map_err(|why| self.error(ty, why))
            }
            TypeKind::Complex => {
                let word = self.word();
                number::complex_bytes(word, size).map_err(|why| self.error(ty, why))
            }
            _ => {
                let why = format!("hash of unhashable type {}: no map has such a key", ty.name);
                Err(self.error(ty, why))
            }
        }
    }

    fn integer(&mut self, ty: &Type) -> Result<i128, Error> {
        if self.rest.starts_with('\'') {
            let (rune, rest) = text::rune(self.rest).map_err(|why| self.error(ty, why))?;
            self.rest = rest;
            return Ok(rune.into());
        }
        let word = self.word();
        if ty.name == "time.Duration"
            && let Some(duration) = number::duration(word)
        {
            return Ok(duration);
        }
        number::integer(word).map_err(|why| self.error(ty, why))
    }

    /// `{1, 2}`, `[1, 2]` or `[2]int{1, 2}`; what is left out at the end is zero, as in Go.
    fn array(&mut self, ty: &Type, elem: TypeRef, len: u64) -> Result<Vec<u8>, Error> {
        self.composite_name(ty);
        let close = match self.rest.chars().next() {
            Some('[') => ']',
            Some('{') => '}',
            _ => return Err(self.error(ty, "give its elements as {1, 2}")),
        };
        self.rest = self.rest.get(1..).unwrap_or_default();
        let elem = self.target.program.ty(elem)?;
        let mut bytes = Vec::new();
        let mut count = 0;
        while !self.closes(ty, close, count > 0)? {
            if count == len {
                return Err(self.error(ty, format!("it has {len} elements, and more are given")));
            }
            bytes.extend(self.value(&elem)?);
            count += 1;
        }
        bytes.resize(ty.size as usize, 0);
        Ok(bytes)
    }

    /// `{1, 2}`, `{X: 1}` or `Point{X: 1}`.
    fn structure(&mut self, ty: &Type, fields: &[Field]) -> Result<Vec<u8>, Error> {
        self.composite_name(ty);
        let fields: Vec<&Field> = fields.iter().filter(|field| field.name != "_").collect();
        let Some(rest) = self.rest.strip_prefix('{') else {
            return Err(self.error(ty, format!("give its fields as {}", example(&fields))));
        };
        self.rest = rest;
        let mut bytes = vec![0; ty.size as usize];
        let mut count = 0;
        let mut by_name = None;
        while !self.closes(ty, '}', count > 0)? {
            let named = self.field_name();
            if *by_name.get_or_insert(named.is_some()) != named.is_some() {
                return Err(self.error(ty, "name all fields, or none"));
            }
            let field = match named {
                Some(name) => fields.iter().find(|field| field.name == name),
                None => fields.get(count),
            };
            let Some(field) = field else {
                return Err(self.error(ty, format!("its fields are {}", example(&fields))));
            };
            let value = self.value(&self.target.program.ty(field.ty)?)?;
            let place =
                usize::try_from(field.offset).ok().and_then(|at| bytes.get_mut(at..at.checked_add(value.len())?));
            if let Some(place) = place {
                place.copy_from_slice(&value);
            }
            count += 1;
        }
        if by_name == Some(false) && count < fields.len() {
            return Err(self.error(ty, format!("give all its fields, {}, or name them", example(&fields))));
        }
        Ok(bytes)
    }

    /// What an interface holds: a value whose type is named, or one that Go would take for a type by itself.
    fn interface(&mut self, ty: &Type, empty: bool) -> Result<Vec<u8>, Error> {
        let (name, open) = self.type_name();
        let held = match (name, self.rest.chars().next()) {
            (Some(name), _) => {
                let held = self.target.program.ty(self.named(name)?)?;
                let value = self.value(&held)?;
                if open == Some('(') {
                    self.expect(&held, ')')?;
                }
                (held, value)
            }
            (None, Some('"' | '`')) => self.of_type("string")?,
            (None, Some('\'')) => self.of_type("int32")?,
            (None, Some('(')) => self.of_type("complex128")?,
            (None, _) => match number::guess(peek(self.rest)) {
                Some("nil") => {
                    self.word();
                    return Ok(vec![0; 16]);
                }
                Some(name) => self.of_type(name)?,
                None => {
                    let why = "say which type it has, as in int8(3) or main.T{1}, and put strings in quotes";
                    return Err(self.error(ty, why));
                }
            },
        };
        let (held, value) = held;
        self.hold(ty, empty, &held, value)
    }

    fn of_type(&mut self, name: &str) -> Result<(Type, Vec<u8>), Error> {
        let ty = self.target.program.ty(self.target.program.type_named(name)?)?;
        let value = self.value(&ty)?;
        Ok((ty, value))
    }

    /// The type of this name; of package main it may be without the package.
    fn named(&self, name: &str) -> Result<TypeRef, Error> {
        let program = self.target.program;
        match program.type_named(name) {
            Err(error) if !name.contains('.') => Ok(program.type_named(&format!("main.{name}")).map_err(|_| error)?),
            found => Ok(found?),
        }
    }

    /// The two words of an interface that holds a value.
    fn hold(&mut self, ty: &Type, empty: bool, held: &Type, value: Vec<u8>) -> Result<Vec<u8>, Error> {
        let no_value = || format!("no interface of this program holds a {}", held.name);
        let descriptor = held.descriptor.ok_or_else(|| self.error(ty, no_value()))?;
        let descriptor = self.target.bias.to_runtime(descriptor);
        let dynamic = Types::new(self.target).dynamic(descriptor.0).filter(|dynamic| dynamic.is_hashable());
        let Some(dynamic) = dynamic else {
            let why = format!("hash of unhashable type {}: no map has such a key", held.name);
            return Err(self.error(ty, why));
        };
        let data = match dynamic.is_direct() {
            true => value,
            false => self.place(&value).to_le_bytes().to_vec(),
        };
        let first = if empty {
            descriptor.0
        } else {
            // A method table begins with the interface's type and the value's.
            self.place(&[[0; 8], descriptor.0.to_le_bytes()].concat())
        };
        let mut words = first.to_le_bytes().to_vec();
        words.extend(data);
        Ok(words)
    }

    /// A string's two words.
    fn string(&mut self, bytes: &[u8]) -> Vec<u8> {
        let addr = self.place(bytes);
        [addr.to_le_bytes(), (bytes.len() as u64).to_le_bytes()].concat()
    }

    /// Puts bytes where the key can refer to them.
    fn place(&mut self, bytes: &[u8]) -> u64 {
        self.arena.resize(self.arena.len().next_multiple_of(8), 0);
        let at = self.arena.len();
        self.arena.extend_from_slice(bytes);
        Overlay::address(at)
    }

    /// Everything up to what ends a value: a comma or closing bracket.
    fn word(&mut self) -> &'a str {
        let word = peek(self.rest);
        let at = word.as_ptr() as usize - self.rest.as_ptr() as usize;
        self.rest = self.rest.get(at + word.len()..).unwrap_or_default();
        word
    }

    fn expect(&mut self, ty: &Type, wanted: char) -> Result<(), Error> {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                Ok(())
            }
            None => Err(self.error(ty, format!("`{wanted}` is missing"))),
        }
    }

    /// Whether the next thing closes a list; if not, skips the comma before the next element.
    fn closes(&mut self, ty: &Type, close: char, comma: bool) -> Result<bool, Error> {
        self.rest = self.rest.trim_start();
        if let Some(rest) = self.rest.strip_prefix(close) {
            self.rest = rest;
            return Ok(true);
        }
        if self.rest.is_empty() {
            return Err(self.error(ty, format!("`{close}` is missing")));
        }
        if comma {
            self.expect(ty, ',')?;
            self.rest = self.rest.trim_start();
            if let Some(rest) = self.rest.strip_prefix(close) {
                self.rest = rest;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Skips the type's name before `{`, as in `Point{1, 2}` and `[2]int{1, 2}`.
    fn composite_name(&mut self, ty: &Type) {
        if let Some((name, _)) = self.rest.split_once('{')
            && is_name_of(name, ty)
        {
            self.rest = self.rest.get(name.len()..).unwrap_or_default();
        }
    }

    /// The name before a colon.
    fn field_name(&mut self) -> Option<&'a str> {
        let (name, rest) = self.rest.split_once(':')?;
        let name = name.trim();
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        if is_name && !name.starts_with(|c: char| c.is_ascii_digit()) {
            self.rest = rest;
            return Some(name);
        }
        None
    }

    /// The type's name at the beginning of `int(3)`, `main.T{1}` or `(*main.T)(0xc0)`, and what opens its value;
    /// what is left then begins with the value.
    fn type_name(&mut self) -> (Option<&'a str>, Option<char>) {
        let rest = self.rest;
        if let Some(inner) = rest.strip_prefix('(')
            && let Some((name, after)) = inner.split_once(')')
            && let Some(value) = after.trim_start().strip_prefix('(')
        {
            self.rest = value;
            return (Some(name.trim()), Some('('));
        }
        if rest.starts_with(['"', '`', '\'', '(']) {
            return (None, None);
        }
        let mut brackets = 0u32;
        for (at, c) in rest.char_indices() {
            match c {
                '[' => brackets += 1,
                ']' => brackets = brackets.saturating_sub(1),
                ',' | '}' | ')' if brackets == 0 => break,
                '(' | '{' if brackets == 0 && at > 0 => {
                    let name = rest.get(..at).unwrap_or_default().trim();
                    let skipped = if c == '(' { at + 1 } else { at };
                    self.rest = rest.get(skipped..).unwrap_or_default();
                    return (Some(name), Some(c));
                }
                _ => {}
            }
        }
        (None, None)
    }
}

/// What comes next, up to what ends a value.
fn peek(rest: &str) -> &str {
    let mut parentheses = 0u32;
    let end = rest.find(|c| {
        match c {
            '(' => parentheses += 1,
            ')' if parentheses > 0 => {
                parentheses -= 1;
                return false;
            }
            _ => {}
        }
        matches!(c, ',' | '}' | ']' | ')') && parentheses == 0
    });
    rest.get(..end.unwrap_or(rest.len())).unwrap_or_default().trim()
}

/// Whether a type may be called so: by its whole name, without its package's path, or without its package.
fn is_name_of(name: &str, ty: &Type) -> bool {
    let name = name.trim();
    let is_end =
        |full: &str| full.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with(['.', '/']));
    !name.is_empty() && is_end(&ty.name)
}

/// `{X: …, Y: …}`.
fn example(fields: &[&Field]) -> String {
    let names: Vec<String> = fields.iter().map(|field| format!("{}: …", field.name)).collect();
    format!("{{{}}}", names.join(", "))
}

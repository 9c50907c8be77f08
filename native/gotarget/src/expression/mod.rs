//! Expressions over a Go process: a package variable, a path through fields and pointers, or an address
//! with a type.

use std::collections::HashSet;

use goprogram::{Field, Program, Type, TypeKind, TypeRef};

use crate::error::Error;
use crate::frame::FrameContext;
use crate::memory::RuntimeAddr;
use crate::target::Target;

/// A map in a process: where its header is, and what it maps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapValue {
    /// The expression it was found by.
    pub expression: String,
    /// Its type as Go writes it.
    pub type_name: String,
    /// Its type.
    pub ty: TypeRef,
    /// The address of its header; 0 of a nil map.
    pub header: RuntimeAddr,
}

impl MapValue {
    /// Its header, which a nil map has not.
    ///
    /// # Errors
    /// [`Error::NilMap`].
    pub fn not_nil(&self) -> Result<RuntimeAddr, Error> {
        if self.header.0 == 0 {
            return Err(Error::NilMap { expression: self.expression.clone() });
        }
        Ok(self.header)
    }
}

/// A value, with the expression that led to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The expression.
    pub expression: String,
    /// Its type.
    pub ty: TypeRef,
    /// Where its bytes are.
    pub at: At,
}

/// Where a value's bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// In memory.
    Memory(RuntimeAddr),
    /// In registers, or pieced together from them: these are the bytes.
    Bytes(Vec<u8>),
}

/// Finds the value that an expression names: a local of the frame if one is given, else a package variable.
///
/// # Errors
/// The expression can't be read, or names nothing.
pub fn place(target: &Target<'_>, frame: Option<&FrameContext<'_>>, text: &str) -> Result<Place, Error> {
    let _ = (target, frame, text);
    todo!("place")
}

/// The locals and arguments of a frame that are visible at its instruction, innermost scope first.
///
/// # Errors
/// The program has no DWARF.
pub fn locals(target: &Target<'_>, frame: &FrameContext<'_>) -> Result<Vec<(String, Result<Place, Error>)>, Error> {
    let _ = (target, frame);
    todo!("locals")
}

/// What an unfinished expression may go on to be, for a shell's or debugger's completion: names of package
/// variables, or fields after a dot. With `maps_only`, only variables that are maps, or on the way to one.
#[must_use]
pub fn complete(program: &Program, text: &str, maps_only: bool) -> Vec<String> {
    let _ = (program, text, maps_only);
    todo!("complete")
}

/// A value in memory, with the expression that led to it.
struct InMemory {
    expression: String,
    ty: TypeRef,
    addr: RuntimeAddr,
}

/// Embedded structs are searched so deep for a promoted field.
const DEEPEST_EMBEDDING: u32 = 8;

/// Finds the map that an expression names; it may be a nil one.
///
/// # Errors
/// The expression can't be read, or doesn't name a map.
pub fn map(target: &Target<'_>, frame: Option<&FrameContext<'_>>, expression: &str) -> Result<MapValue, Error> {
    let _ = frame;
    let expression = expression.trim().trim_matches('\'');
    if expression.starts_with('(') {
        return typed_address(target, expression);
    }
    let place = variable_path(target, expression)?;
    map_at(target, place)
}

/// The package variable that holds the map with this header, if one does.
#[must_use]
pub fn name_of(target: &Target<'_>, header: RuntimeAddr) -> Option<String> {
    let variables = target.program.map_variables("").ok()?;
    let holds = |addr| target.pointer(target.bias.to_runtime(addr)).is_ok_and(|value| value == header);
    variables.into_iter().find(|variable| holds(variable.addr)).map(|variable| variable.name)
}

/// `(map[int]string)0xc000012180`: the address is the map itself, that is its header's.
/// `(*main.Server)0xc000012180.cache`: the address of a value, and a path through it.
fn typed_address(target: &Target<'_>, expression: &str) -> Result<MapValue, Error> {
    let syntax = |why| Error::Syntax { expression: expression.to_owned(), why };
    let close = closing_parenthesis(expression).ok_or_else(|| syntax("its first parenthesis is never closed"))?;
    let type_name = expression.get(1..close).unwrap_or_default().trim();
    let rest = expression.get(close + 1..).unwrap_or_default().trim();
    let (number, path) = match rest.find('.') {
        Some(dot) => rest.split_at(dot),
        None => (rest, ""),
    };
    let addr = parse_address(number).ok_or_else(|| syntax("after the type comes an address such as 0xc000012180"))?;
    let ty = target.program.type_named(type_name)?;
    let described = target.program.ty(ty)?;
    let expression = expression.to_owned();
    match described.kind {
        TypeKind::Map { .. } if path.is_empty() => header_at(expression, described.name, ty, RuntimeAddr(addr)),
        TypeKind::Pointer { target: Some(pointee) } => {
            let place = InMemory { expression: format!("({type_name}){number}"), ty: pointee, addr: RuntimeAddr(addr) };
            map_at(target, fields(target, place, path)?)
        }
        _ => Err(not_a_map(expression, described.name)),
    }
}

fn variable_path(target: &Target<'_>, expression: &str) -> Result<InMemory, Error> {
    // A package path may hold dots and slashes: the variable's own name begins at a dot after the last
    // slash, and everything after it is a path of fields.
    let from = expression.rfind('/').map_or(0, |slash| slash + 1);
    let dots: Vec<usize> = expression.match_indices('.').map(|(at, _)| at).filter(|at| *at > from).collect();
    if dots.is_empty() || expression.contains(char::is_whitespace) {
        let why = if dots.is_empty() { "a variable needs its package's name" } else { "it has a space in it" };
        return Err(Error::Syntax { expression: expression.to_owned(), why });
    }
    let ends = dots.iter().skip(1).copied().chain([expression.len()]);
    let mut first_error = None;
    for end in ends {
        let (name, path) = expression.split_at(end);
        match target.program.variable(name) {
            Ok(variable) => {
                let place = InMemory {
                    expression: name.to_owned(),
                    ty: variable.ty,
                    addr: target.bias.to_runtime(variable.addr),
                };
                return fields(target, place, path);
            }
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    Err(match first_error {
        Some(error) => error.into(),
        None => Error::Syntax { expression: expression.to_owned(), why: "it names nothing" },
    })
}

/// Follows `.a.b.c` from a place.
fn fields(target: &Target<'_>, mut place: InMemory, path: &str) -> Result<InMemory, Error> {
    for name in path.split('.').skip(1) {
        let expression = format!("{}.{name}", place.expression);
        place = follow_pointers(target, place)?;
        let ty = target.program.ty(place.ty)?;
        for Field { name, ty, offset, .. } in way_to(target, place.ty, name)?.ok_or_else(|| no_field(&ty, name))? {
            let from = follow_pointers(target, place)?;
            place = InMemory { expression: format!("{}.{name}", from.expression), ty, addr: from.addr.plus(offset) };
        }
        place.expression = expression;
    }
    Ok(place)
}

/// The fields that lead to the one with this name: itself, or the embedded structs that promote it and then
/// itself. The shallowest wins, as in Go.
fn way_to(target: &Target<'_>, ty: TypeRef, name: &str) -> Result<Option<Vec<Field>>, Error> {
    let mut level = vec![(Vec::new(), ty)];
    let mut seen = HashSet::new();
    for _ in 0..DEEPEST_EMBEDDING {
        let mut deeper = Vec::new();
        for (way, ty) in level {
            let mut ty = target.program.ty(ty)?;
            if let TypeKind::Pointer { target: Some(pointee) } = ty.kind {
                ty = target.program.ty(pointee)?;
            }
            let TypeKind::Struct { fields } = ty.kind else { continue };
            for field in fields {
                let embedded = (field.embedded && seen.insert(field.ty)).then_some(field.ty);
                let is_it = field.name == name;
                let mut way: Vec<Field> = way.clone();
                way.push(field);
                if is_it {
                    return Ok(Some(way));
                }
                deeper.extend(embedded.map(|ty| (way, ty)));
            }
        }
        level = deeper;
    }
    Ok(None)
}

/// The fields that lead from a struct, or a pointer to one, to the one with this name. Used by queries too.
///
/// # Errors
/// [`Error::NoField`].
pub(crate) fn field_path(target: &Target<'_>, ty: TypeRef, name: &str) -> Result<Vec<Field>, Error> {
    match way_to(target, ty, name)? {
        Some(way) => Ok(way),
        None => Err(no_field(&target.program.ty(ty)?, name)),
    }
}

fn follow_pointers(target: &Target<'_>, mut place: InMemory) -> Result<InMemory, Error> {
    // Pointers to pointers are rare; a type that points to itself would never end.
    for _ in 0..DEEPEST_EMBEDDING {
        let TypeKind::Pointer { target: Some(pointee) } = target.program.ty(place.ty)?.kind else { break };
        let addr = target.pointer(place.addr)?;
        if addr.0 == 0 {
            return Err(Error::NilPointer { expression: place.expression });
        }
        place = InMemory { ty: pointee, addr, ..place };
    }
    Ok(place)
}

fn map_at(target: &Target<'_>, place: InMemory) -> Result<MapValue, Error> {
    let place = follow_pointers(target, place)?;
    let ty = target.program.ty(place.ty)?;
    if !matches!(ty.kind, TypeKind::Map { .. }) {
        return Err(not_a_map(place.expression, ty.name));
    }
    header_at(place.expression, ty.name, place.ty, target.pointer(place.addr)?)
}

fn header_at(expression: String, type_name: String, ty: TypeRef, header: RuntimeAddr) -> Result<MapValue, Error> {
    Ok(MapValue { expression, type_name, ty, header })
}

fn no_field(ty: &Type, field: &str) -> Error {
    let fields = match &ty.kind {
        TypeKind::Struct { fields } => fields.iter().map(|field| field.name.to_string()).collect::<Vec<_>>().join(", "),
        _ => "no fields, since it is not a struct".to_owned(),
    };
    Error::NoField { type_name: ty.name.to_string(), field: field.to_owned(), fields }
}

fn not_a_map(expression: String, type_name: String) -> Error {
    let article = if type_name.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    Error::NotAMap { expression, article, type_name }
}

/// Where the parenthesis that opens the text is closed again.
fn closing_parenthesis(text: &str) -> Option<usize> {
    let mut depth = 0u32;
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

fn parse_address(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parentheses_inside_a_type_are_not_its_end() {
        assert_eq!(closing_parenthesis("(map[int]func(int))0xc0"), Some(18));
        assert_eq!(closing_parenthesis("(map[int]int"), None);
    }

    #[test]
    fn an_address_is_hexadecimal_or_decimal() {
        assert_eq!(parse_address("0xc000012180"), Some(0xc0_0001_2180));
        assert_eq!(parse_address("4096"), Some(4096));
        assert_eq!(parse_address("c000"), None);
    }
}

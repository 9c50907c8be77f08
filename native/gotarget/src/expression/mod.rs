//! Expressions over a Go process: package variables of any package, locals and arguments of a frame, a typed
//! address, and from there fields through pointers and embedded structs, items, map keys, what pointers point to
//! and interfaces hold: `main.srv.users["alice"].roles[0]`.

mod complete;
mod names;
mod owner;
mod parse;
mod steps;

use goprogram::{TypeKind, TypeRef};

use crate::error::Error;
use crate::frame::FrameContext;
use crate::memory::RuntimeAddr;
use crate::target::Target;
use parse::{Ast, First, Step};

pub use complete::complete;
pub use owner::{local_path_to, name_of, path_to};
pub(crate) use steps::field_path;

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

/// A local's name, and its value or why it has none.
pub type NamedPlace = (String, Result<Place, Error>);

/// Indices that are expressions themselves, in each other.
const DEEPEST_INDEX: u32 = 4;

/// Finds the value that an expression names: a local of the frame if one is given, else a package variable.
///
/// # Errors
/// The expression can't be read, or names nothing.
pub fn place(target: &Target<'_>, frame: Option<&FrameContext<'_>>, text: &str) -> Result<Place, Error> {
    evaluate(target, frame, &parse::parse(text.trim())?, DEEPEST_INDEX)
}

/// Finds the map that an expression names; it may be a nil one.
///
/// # Errors
/// The expression can't be read, or doesn't name a map.
pub fn map(target: &Target<'_>, frame: Option<&FrameContext<'_>>, text: &str) -> Result<MapValue, Error> {
    let place = steps::follow(target, place(target, frame, text)?)?;
    map_at(target, &place)
}

/// The locals and arguments of a frame that are visible at its instruction, innermost scope first.
///
/// # Errors
/// The program has no DWARF.
pub fn locals(target: &Target<'_>, frame: &FrameContext<'_>) -> Result<Vec<NamedPlace>, Error> {
    let locals = target.program.locals(target.bias.to_link(frame.pc))?;
    Ok(locals.iter().map(|local| (local.name.clone(), names::local_place(target, frame, local))).collect())
}

fn evaluate(target: &Target<'_>, frame: Option<&FrameContext<'_>>, ast: &Ast, depth: u32) -> Result<Place, Error> {
    let mut place = match &ast.first {
        First::Name(name) => names::named(target, frame, name)?,
        First::Typed { type_name, number, addr } => typed(target, type_name, number, *addr)?,
        First::Inner(inner) => {
            let place = evaluate(target, frame, inner, depth)?;
            Place { expression: format!("({})", place.expression), ..place }
        }
    };
    for step in &ast.steps {
        place = match step {
            Step::Field(name) => steps::field(target, place, name)?,
            Step::Assert(type_name) => steps::assert_type(target, &place, type_name)?,
            Step::Index(text) => steps::index(target, place, text, &|text| {
                let not_a_number = || Error::NotANumber { text: text.to_owned() };
                let depth = depth.checked_sub(1).ok_or_else(not_a_number)?;
                let index = evaluate(target, frame, &parse::parse(text)?, depth)?;
                names::integer(target, &index)?.ok_or_else(not_a_number)
            })?,
        };
    }
    for _ in 0..ast.stars {
        place = steps::dereference(target, &place)?;
    }
    Ok(place)
}

/// `(map[int]string)0xc000012180`: of what is a pointer by itself, the address is the value, as Go prints it; of
/// anything else it is where the value lies.
fn typed(target: &Target<'_>, type_name: &str, number: &str, addr: u64) -> Result<Place, Error> {
    let ty = target.program.type_named(type_name)?;
    let kind = target.program.ty(ty)?.kind;
    let is_value = matches!(
        kind,
        TypeKind::Map { .. }
            | TypeKind::Pointer { .. }
            | TypeKind::Chan { .. }
            | TypeKind::Func
            | TypeKind::UnsafePointer
    );
    let at = if is_value { At::Bytes(addr.to_le_bytes().to_vec()) } else { At::Memory(RuntimeAddr(addr)) };
    Ok(Place { expression: format!("({type_name}){number}"), ty, at })
}

/// The map that a place holds.
fn map_at(target: &Target<'_>, place: &Place) -> Result<MapValue, Error> {
    let ty = target.program.ty(place.ty)?;
    let expression = place.expression.clone();
    if !matches!(ty.kind, TypeKind::Map { .. }) {
        return Err(Error::NotAMap { expression, article: article(&ty.name), type_name: ty.name });
    }
    let header = RuntimeAddr(place.word(target, 0)?);
    Ok(MapValue { expression, type_name: ty.name, ty: place.ty, header })
}

fn article(type_name: &str) -> &'static str {
    if type_name.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

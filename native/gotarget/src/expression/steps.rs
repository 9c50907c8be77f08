//! From one value to the next: fields, items, what pointers and interfaces hold.

use std::collections::HashSet;

use goprogram::{Field, Type, TypeKind, TypeRef};

use super::parse::number_of;
use super::{At, Place, article};
use crate::error::Error;
use crate::literal::Key;
use crate::lookup;
use crate::map;
use crate::memory::{RuntimeAddr, read_bytes};
use crate::target::Target;
use crate::value::{Limits, Values};

/// Embedded structs are searched so deep for a promoted field.
const DEEPEST_EMBEDDING: u32 = 8;

/// Values that are held in pieces or by interfaces are small; a type that says otherwise is damaged. In bytes.
const LARGEST: u64 = 1 << 20;

impl Place {
    /// So many of its bytes, from `offset` on.
    pub(super) fn bytes(&self, target: &Target<'_>, offset: u64, size: u64) -> Result<Vec<u8>, Error> {
        let len = usize::try_from(size.min(LARGEST)).unwrap_or(0);
        match &self.at {
            At::Memory(addr) => Ok(read_bytes(target.memory, addr.plus(offset), len)?),
            At::Bytes(bytes) => {
                let from = usize::try_from(offset).unwrap_or(usize::MAX);
                let part = from.checked_add(len).and_then(|end| bytes.get(from..end));
                part.map(<[u8]>::to_vec).ok_or_else(|| Error::OptimizedOut { name: self.expression.clone() })
            }
        }
    }

    /// The pointer at `offset`.
    pub(super) fn word(&self, target: &Target<'_>, offset: u64) -> Result<u64, Error> {
        let bytes = self.bytes(target, offset, 8)?;
        Ok(bytes.first_chunk().copied().map(u64::from_le_bytes).unwrap_or_default())
    }

    /// The part of it from `offset` on.
    pub(super) fn part(
        &self,
        target: &Target<'_>,
        expression: String,
        ty: TypeRef,
        offset: u64,
    ) -> Result<Place, Error> {
        let at = match &self.at {
            At::Memory(addr) => At::Memory(addr.plus(offset)),
            At::Bytes(_) => At::Bytes(self.bytes(target, offset, target.program.ty(ty)?.size)?),
        };
        Ok(Place { expression, ty, at })
    }
}

/// `*place`.
pub(super) fn dereference(target: &Target<'_>, place: &Place) -> Result<Place, Error> {
    let ty = target.program.ty(place.ty)?;
    let expression = format!("*{}", place.expression);
    match ty.kind {
        TypeKind::Pointer { target: Some(pointee) } => match place.word(target, 0)? {
            0 => Err(Error::NilPointer { expression: place.expression.clone() }),
            addr => Ok(Place { expression, ty: pointee, at: At::Memory(RuntimeAddr(addr)) }),
        },
        _ => Err(Error::NotAPointer {
            expression: place.expression.clone(),
            article: article(&ty.name),
            type_name: ty.name,
        }),
    }
}

/// Follows pointers, and interfaces to what they hold, until there is something else.
pub(super) fn follow(target: &Target<'_>, mut place: Place) -> Result<Place, Error> {
    // Pointers to pointers are rare; a type that points to itself would never end.
    for _ in 0..DEEPEST_EMBEDDING {
        let next = match target.program.ty(place.ty)?.kind {
            TypeKind::Pointer { target: Some(_) } => dereference(target, &place)?,
            TypeKind::Interface { empty } => held(target, &place, empty)?,
            _ => break,
        };
        place = Place { expression: place.expression, ..next };
    }
    Ok(place)
}

/// What an interface holds.
pub(super) fn held(target: &Target<'_>, place: &Place, empty: bool) -> Result<Place, Error> {
    let bytes = place.bytes(target, 0, 16)?;
    let values = Values::new(*target, Limits::default());
    let expression = place.expression.clone();
    match values.held(&bytes, empty) {
        Some((ty, at)) => Ok(Place { expression, ty, at }),
        None if bytes.iter().take(8).all(|byte| *byte == 0) => Err(Error::NilInterface { expression }),
        None => Err(Error::UnknownDynamicType { expression }),
    }
}

/// `place.(T)`.
pub(super) fn assert_type(target: &Target<'_>, place: &Place, type_name: &str) -> Result<Place, Error> {
    let ty = target.program.ty(place.ty)?;
    let TypeKind::Interface { empty } = ty.kind else {
        return Err(Error::NotAnInterface {
            expression: place.expression.clone(),
            article: article(&ty.name),
            type_name: ty.name,
        });
    };
    let held = held(target, place, empty)?;
    let found = target.program.ty(held.ty)?.name;
    // Delve's `.(data)` means whatever is in it.
    let is_it = type_name == "data" || target.program.ty(target.program.type_named(type_name)?)?.name == found;
    if !is_it {
        return Err(Error::HoldsAnother { expression: place.expression.clone(), article: article(&found), found });
    }
    Ok(Place { expression: format!("{}.({type_name})", place.expression), ..held })
}

/// `place.name`: through pointers, and of embedded structs too.
pub(super) fn field(target: &Target<'_>, place: Place, name: &str) -> Result<Place, Error> {
    let expression = format!("{}.{name}", place.expression);
    let mut place = follow(target, place)?;
    for Field { name, ty, offset, .. } in field_path(target, place.ty, name)? {
        let from = follow(target, place)?;
        place = from.part(target, format!("{}.{name}", from.expression), ty, offset)?;
    }
    place.expression = expression;
    Ok(place)
}

/// The fields that lead from a struct, or a pointer to one, to the one with this name.
///
/// # Errors
/// [`Error::NoField`].
pub(crate) fn field_path(target: &Target<'_>, ty: TypeRef, name: &str) -> Result<Vec<Field>, Error> {
    match way_to(target, ty, name)? {
        Some(way) => Ok(way),
        None => Err(no_field(&target.program.ty(ty)?, name)),
    }
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

fn no_field(ty: &Type, field: &str) -> Error {
    let fields = match &ty.kind {
        TypeKind::Struct { fields } if fields.is_empty() => "none".to_owned(),
        TypeKind::Struct { fields } => fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>().join(", "),
        _ => "no fields, since it is not a struct".to_owned(),
    };
    Error::NoField { type_name: ty.name.clone(), field: field.to_owned(), fields }
}

/// `place[index]`, where `number` gives the number that an index other than a literal stands for.
pub(super) fn index(
    target: &Target<'_>,
    place: Place,
    text: &str,
    number: &dyn Fn(&str) -> Result<i128, Error>,
) -> Result<Place, Error> {
    let expression = format!("{}[{text}]", place.expression);
    let place = follow(target, place)?;
    let ty = target.program.ty(place.ty)?;
    let checked = |len: u64| {
        let index = number_of(text).map_or_else(|| number(text), Ok)?;
        let out_of_range = || Error::OutOfRange { expression: place.expression.clone(), index, len };
        u64::try_from(index).ok().filter(|index| *index < len).ok_or_else(out_of_range)
    };
    let in_memory = |elem: TypeRef, data: u64, index: u64| -> Result<Place, Error> {
        let offset = index.wrapping_mul(target.program.ty(elem)?.size);
        Ok(Place { expression: expression.clone(), ty: elem, at: At::Memory(RuntimeAddr(data).plus(offset)) })
    };
    match ty.kind {
        TypeKind::Array { elem, len } => {
            let index = checked(len)?;
            let size = target.program.ty(elem)?.size;
            place.part(target, expression, elem, index.wrapping_mul(size))
        }
        TypeKind::Slice { elem } => {
            let index = checked(place.word(target, 8)?)?;
            in_memory(elem, place.word(target, 0)?, index)
        }
        TypeKind::String => {
            let index = checked(place.word(target, 8)?)?;
            in_memory(target.program.type_named("uint8")?, place.word(target, 0)?, index)
        }
        TypeKind::Map { .. } => entry(target, &place, &expression, text),
        _ => Err(Error::NotIndexable {
            expression: place.expression.clone(),
            article: article(&ty.name),
            type_name: ty.name,
        }),
    }
}

/// The elem of a map.
fn entry(target: &Target<'_>, place: &Place, expression: &str, key: &str) -> Result<Place, Error> {
    let map = map::open(target, &super::map_at(target, place)?)?;
    let found = lookup::get(target, &map, &Key::parse(target, map.key, key)?)?;
    let Some(entry) = found.entry else {
        return Err(Error::NoKey { expression: place.expression.clone(), key: key.to_owned() });
    };
    Ok(Place { expression: expression.to_owned(), ty: map.elem, at: At::Memory(RuntimeAddr(entry.elem_addr)) })
}

//! Which variable holds a map: a package variable or a local, or something that can be reached from one.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;

use goprogram::{Type, TypeKind, TypeRef};

use super::{At, Place, steps};
use crate::frame::FrameContext;
use crate::memory::RuntimeAddr;
use crate::target::Target;

/// So many values are looked at for one map: a program may have millions within reach.
const MOST: usize = 50_000;

/// So many items of an array or slice: shards, not data.
const ITEMS: u64 = 64;

/// Pointers, interfaces and slices on the way, at most.
const HOPS: u32 = 2;

/// Structs and arrays inside each other.
const DEEPEST: u32 = 8;

/// The package variable that holds the map with this header, if one does.
#[must_use]
pub fn name_of(target: &Target<'_>, header: RuntimeAddr) -> Option<String> {
    let variables = target.program.map_variables("").ok()?;
    let holds = |addr| target.pointer(target.bias.to_runtime(addr)).is_ok_and(|value| value == header);
    variables.into_iter().find(|variable| holds(variable.addr)).map(|variable| variable.name)
}

/// An expression that leads from a package variable to the map with this header, through fields, items and
/// at most two pointers: `main.srv.users`. The nearest, if there are several.
#[must_use]
pub fn path_to(target: &Target<'_>, header: RuntimeAddr) -> Option<String> {
    let variables = target.program.variables("").ok()?.into_iter().map(|variable| {
        let at = At::Memory(target.bias.to_runtime(variable.addr));
        Place { expression: variable.name, ty: variable.ty, at }
    });
    search(target, header, variables)
}

/// The same, beginning with the locals and arguments of a frame: `srv.users`.
#[must_use]
pub fn local_path_to(target: &Target<'_>, frame: &FrameContext<'_>, header: RuntimeAddr) -> Option<String> {
    let locals = super::locals(target, frame).ok()?;
    search(target, header, locals.into_iter().filter_map(|(_, place)| place.ok()))
}

/// The nearest first: what needs the fewest pointers.
fn search(target: &Target<'_>, header: RuntimeAddr, roots: impl Iterator<Item = Place>) -> Option<String> {
    let types = Types { target, known: RefCell::default(), leads: RefCell::default() };
    let mut waiting: VecDeque<(Place, u32)> = roots.map(|place| (place, 0)).collect();
    let mut seen = HashSet::new();
    let mut left = MOST;
    while let Some((place, hops)) = waiting.pop_front() {
        left = left.checked_sub(1)?;
        let mut beyond = Vec::new();
        if let Some(found) = within(&types, &place, header, HOPS - hops, DEEPEST, &mut beyond) {
            return Some(found);
        }
        for place in beyond {
            if let At::Memory(addr) = place.at
                && hops < HOPS
                && seen.insert((addr, place.ty))
            {
                waiting.push_back((place, hops + 1));
            }
        }
    }
    None
}

/// Looks for the map in a value, without following pointers: those are put into `beyond`.
fn within(
    types: &Types<'_>,
    place: &Place,
    header: RuntimeAddr,
    hops: u32,
    depth: u32,
    beyond: &mut Vec<Place>,
) -> Option<String> {
    let target = types.target;
    if depth == 0 || !types.leads_to_map(place.ty, hops, depth) {
        return None;
    }
    let ty = types.get(place.ty)?;
    let mut part = |expression: String, ty: TypeRef, offset: u64| {
        let place = place.part(target, expression, ty, offset).ok()?;
        within(types, &place, header, hops, depth - 1, beyond)
    };
    match &ty.kind {
        TypeKind::Map { .. } => (place.word(target, 0).ok()? == header.0).then(|| place.expression.clone()),
        TypeKind::Struct { fields } => {
            fields.iter().find_map(|field| part(format!("{}.{}", place.expression, field.name), field.ty, field.offset))
        }
        TypeKind::Array { elem, len } => {
            let size = types.get(*elem)?.size;
            (0..(*len).min(ITEMS))
                .find_map(|index| part(format!("{}[{index}]", place.expression), *elem, index.wrapping_mul(size)))
        }
        TypeKind::Pointer { target: Some(_) } if hops > 0 => {
            let to = steps::dereference(target, place).ok()?;
            // A field of what a pointer points to is written as if it were the pointer's.
            let through = matches!(types.get(to.ty)?.kind, TypeKind::Struct { .. });
            let expression = if through { place.expression.clone() } else { format!("(*{})", place.expression) };
            beyond.push(Place { expression, ..to });
            None
        }
        TypeKind::Interface { empty } if hops > 0 => {
            beyond.push(steps::held(target, place, *empty).ok()?);
            None
        }
        TypeKind::Slice { elem } if hops > 0 => {
            let (data, len) = (place.word(target, 0).ok()?, place.word(target, 8).ok()?);
            let size = types.get(*elem)?.size;
            beyond.extend((0..len.min(ITEMS)).map(|index| Place {
                expression: format!("{}[{index}]", place.expression),
                ty: *elem,
                at: At::Memory(RuntimeAddr(data).plus(index.wrapping_mul(size))),
            }));
            None
        }
        _ => None,
    }
}

/// Types looked up so far.
struct Types<'a> {
    target: &'a Target<'a>,
    known: RefCell<HashMap<TypeRef, Option<Rc<Type>>>>,
    leads: RefCell<HashMap<(TypeRef, u32), bool>>,
}

impl Types<'_> {
    fn get(&self, ty: TypeRef) -> Option<Rc<Type>> {
        let mut known = self.known.borrow_mut();
        known.entry(ty).or_insert_with(|| self.target.program.ty(ty).ok().map(Rc::new)).clone()
    }

    /// Whether a value of this type may lead to a map by so many hops.
    fn leads_to_map(&self, ty: TypeRef, hops: u32, depth: u32) -> bool {
        if let Some(known) = self.leads.borrow().get(&(ty, hops)) {
            return *known;
        }
        // A type that leads to itself leads nowhere new.
        self.leads.borrow_mut().insert((ty, hops), false);
        let on = |ty| hops > 0 && self.leads_to_map(ty, hops - 1, DEEPEST);
        let inside = |ty| depth > 0 && self.leads_to_map(ty, hops, depth - 1);
        let leads = self.get(ty).is_some_and(|ty| match &ty.kind {
            TypeKind::Map { .. } => true,
            TypeKind::Struct { fields } => fields.iter().any(|field| inside(field.ty)),
            TypeKind::Array { elem, .. } => inside(*elem),
            TypeKind::Pointer { target: Some(to) } => on(*to),
            TypeKind::Slice { elem } => on(*elem),
            TypeKind::Interface { .. } => hops > 0,
            _ => false,
        });
        self.leads.borrow_mut().insert((ty, hops), leads);
        leads
    }
}

//! What a type's bytes mean: compiled from DWARF once, then used for any number of values.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use gomap::Slots;
use goprogram::{Field, Program, Type, TypeKind, TypeRef};

use super::Values;
use crate::memory::RuntimeAddr;

/// A type in [`Types`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct TypeId(usize);

/// The types met so far. They refer to each other by number, and are compiled when first needed: a type may
/// hold itself, by a pointer as in a list, or (in a damaged file) by value.
#[derive(Default)]
pub(super) struct Types {
    plans: RefCell<Vec<(Origin, Option<Rc<Plan>>)>>,
    numbers: RefCell<HashMap<Origin, TypeId>>,
}

/// Where a type is described.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Origin {
    DebugInformation(TypeRef),
    /// By the runtime's descriptor here.
    Descriptor(RuntimeAddr),
}

/// How to decode a type.
pub(super) struct Plan {
    pub(super) name: Rc<str>,
    /// Bytes.
    pub(super) size: u64,
    pub(super) shape: Shape,
}

pub(super) enum Shape {
    Bool,
    Int,
    Uint,
    Uintptr,
    Float,
    Complex,
    String,
    Slice(TypeId),
    Array(TypeId, u64),
    Struct(Vec<Member>),
    Pointer(Option<TypeId>),
    Map(Box<MapPlan>),
    Chan(TypeId),
    Func,
    Interface {
        empty: bool,
    },
    UnsafePointer,
    Duration,
    Special(Special),
    /// Why it can't be decoded.
    Unknown(Rc<str>),
}

/// A structure that stands for something that its fields don't show. Each number is an offset in bytes.
#[derive(Clone, Copy)]
pub(super) enum Special {
    Time {
        wall: u64,
        ext: u64,
    },
    Mutex {
        state: u64,
    },
    RwMutex {
        mutex: u64,
        readers: u64,
        departing: u64,
    },
    WaitGroup {
        state: u64,
    },
    Once {
        done: u64,
        size: u64,
    },
    AtomicBool {
        value: u64,
    },
    AtomicPointer {
        value: u64,
        to: Option<TypeId>,
    },
    /// One of the structure's fields says all.
    Wrapper {
        offset: u64,
        value: TypeId,
    },
    SyncMap,
}

/// A field of a structure.
pub(super) struct Member {
    pub(super) name: Rc<str>,
    pub(super) offset: u64,
    pub(super) ty: TypeId,
}

pub(super) struct MapPlan {
    pub(super) key: TypeId,
    pub(super) elem: TypeId,
    /// Where keys and elems lie; or why that isn't known.
    pub(super) slots: Result<Slots, Rc<str>>,
}

/// Structures are searched so deep for a field that says all.
const DEEPEST_FIELD: usize = 4;

impl Types {
    /// The number of a type.
    pub(super) fn id(&self, ty: TypeRef) -> TypeId {
        self.number(Origin::DebugInformation(ty))
    }

    /// The number of a type that the debug information lacks.
    pub(super) fn id_of_descriptor(&self, descriptor: RuntimeAddr) -> TypeId {
        self.number(Origin::Descriptor(descriptor))
    }

    fn number(&self, origin: Origin) -> TypeId {
        if let Some(known) = self.numbers.borrow().get(&origin) {
            return *known;
        }
        let mut plans = self.plans.borrow_mut();
        let id = TypeId(plans.len());
        plans.push((origin, None));
        self.numbers.borrow_mut().insert(origin, id);
        id
    }

    /// The type in the debug information, if it is described there.
    pub(super) fn of(&self, id: TypeId) -> Option<TypeRef> {
        match self.plans.borrow().get(id.0)?.0 {
            Origin::DebugInformation(ty) => Some(ty),
            Origin::Descriptor(_) => None,
        }
    }

    /// The descriptor of a type that the debug information lacks.
    pub(super) fn origin(&self, id: TypeId) -> Option<RuntimeAddr> {
        match self.plans.borrow().get(id.0)?.0 {
            Origin::DebugInformation(_) => None,
            Origin::Descriptor(addr) => Some(addr),
        }
    }

    fn compile(&self, program: &Program, ty: TypeRef) -> Plan {
        let Type { name, size, kind, .. } = match program.ty(ty) {
            Ok(described) => described,
            Err(error) => return Plan::unknown("?".into(), error.to_string().into()),
        };
        let shape = match kind {
            TypeKind::Bool => Shape::Bool,
            TypeKind::Int if name == "time.Duration" && size == 8 => Shape::Duration,
            TypeKind::Int => Shape::Int,
            TypeKind::Uint if name == "uintptr" => Shape::Uintptr,
            TypeKind::Uint => Shape::Uint,
            TypeKind::Float => Shape::Float,
            TypeKind::Complex => Shape::Complex,
            TypeKind::String => Shape::String,
            TypeKind::Slice { elem } => Shape::Slice(self.id(elem)),
            TypeKind::Array { elem, len } => Shape::Array(self.id(elem), len),
            TypeKind::Struct { fields } => match self.special(program, &name, &fields) {
                Some(special) => Shape::Special(special),
                None => Shape::Struct(fields.into_iter().filter_map(|field| self.member(field)).collect()),
            },
            TypeKind::Pointer { target } => Shape::Pointer(target.map(|target| self.id(target))),
            TypeKind::Map { key, elem, .. } => Shape::Map(Box::new(MapPlan {
                key: self.id(key),
                elem: self.id(elem),
                slots: program.slots(ty).map_err(|error| error.to_string().into()),
            })),
            TypeKind::Chan { elem } => Shape::Chan(self.id(elem)),
            TypeKind::Func => Shape::Func,
            TypeKind::Interface { empty } => Shape::Interface { empty },
            TypeKind::UnsafePointer => Shape::UnsafePointer,
            TypeKind::Other => Shape::Unknown(format!("{name} is not a Go type").into()),
        };
        Plan { name: name.into(), size, shape }
    }

    fn member(&self, field: Field) -> Option<Member> {
        let Field { name, offset, ty, .. } = field;
        (name != "_").then(|| Member { name: name.into(), offset, ty: self.id(ty) })
    }

    /// The structures of packages sync, sync/atomic and time, recognised by name and by the fields that they
    /// must have: a version that has others shows them as they are.
    fn special(&self, program: &Program, name: &str, fields: &[Field]) -> Option<Special> {
        let scalar = |path: &[&str]| scalar(program, fields, path, DEEPEST_FIELD);
        let value = || fields.iter().find(|field| field.name == "v");
        Some(match name {
            "time.Time" => Special::Time { wall: scalar(&["wall"])?.0, ext: scalar(&["ext"])?.0 },
            // Since 1.24 a sync.Mutex holds an internal/sync.Mutex.
            "sync.Mutex" | "internal/sync.Mutex" => Special::Mutex { state: scalar(&["state", "mu"])?.0 },
            "sync.RWMutex" => Special::RwMutex {
                mutex: scalar(&["w"])?.0,
                readers: scalar(&["readerCount"])?.0,
                departing: scalar(&["readerWait"])?.0,
            },
            // Up to 1.19 it is called state1.
            "sync.WaitGroup" => {
                Special::WaitGroup { state: scalar(&["state", "state1"]).filter(|(_, size)| *size == 8)?.0 }
            }
            "sync.Once" => {
                let (done, size) = scalar(&["done"])?;
                Special::Once { done, size }
            }
            "sync.Map" => Special::SyncMap,
            "sync/atomic.Bool" => Special::AtomicBool { value: value()?.offset },
            "sync/atomic.Int32"
            | "sync/atomic.Int64"
            | "sync/atomic.Uint32"
            | "sync/atomic.Uint64"
            | "sync/atomic.Uintptr"
            | "sync/atomic.Value" => {
                let value = value()?;
                Special::Wrapper { offset: value.offset, value: self.id(value.ty) }
            }
            _ => {
                let argument = name.strip_prefix("sync/atomic.Pointer[")?.strip_suffix(']')?;
                // The type argument is also that of the first field, `_ [0]*T`, in all but the first versions.
                let array = fields.iter().find_map(|field| pointee_of_array(program, field));
                let to = array.or_else(|| program.type_named(argument).ok());
                Special::AtomicPointer { value: value()?.offset, to: to.map(|to| self.id(to)) }
            }
        })
    }
}

impl Plan {
    /// A type that can't be decoded, and why.
    pub(super) fn unknown(name: Rc<str>, why: Rc<str>) -> Self {
        Plan { name, size: 0, shape: Shape::Unknown(why) }
    }
}

impl Values<'_> {
    /// How to decode a type.
    pub(super) fn plan(&self, id: TypeId) -> Rc<Plan> {
        let known = self.types.plans.borrow().get(id.0).cloned();
        let plan = match known {
            Some((_, Some(plan))) => return plan,
            Some((Origin::DebugInformation(ty), None)) => self.types.compile(self.target.program, ty),
            Some((Origin::Descriptor(addr), None)) => self.compile_descriptor(addr),
            None => Plan::unknown("?".into(), "its type is not known".into()),
        };
        let plan = Rc::new(plan);
        if let Some((_, compiled)) = self.types.plans.borrow_mut().get_mut(id.0) {
            *compiled = Some(plan.clone());
        }
        plan
    }
}

/// The number in one of the fields with these names: offset and size, both in bytes. A structure around it, such
/// as an atomic.Int32 or a Mutex, is looked into.
fn scalar(program: &Program, fields: &[Field], names: &[&str], depth: usize) -> Option<(u64, u64)> {
    let field = fields.iter().find(|field| names.contains(&field.name.as_str()))?;
    let ty = program.ty(field.ty).ok()?;
    match ty.kind {
        TypeKind::Struct { fields } if depth > 0 => {
            let (offset, size) = scalar(program, &fields, &["state", "mu", "v"], depth - 1)?;
            Some((field.offset.checked_add(offset)?, size))
        }
        TypeKind::Int | TypeKind::Uint => Some((field.offset, ty.size)),
        _ => None,
    }
}

/// The T of a field of type `[0]*T`.
fn pointee_of_array(program: &Program, field: &Field) -> Option<TypeRef> {
    let TypeKind::Array { elem, len: 0 } = program.ty(field.ty).ok()?.kind else { return None };
    match program.ty(elem).ok()?.kind {
        TypeKind::Pointer { target } => target,
        _ => None,
    }
}

//! Where a map's keys and elems lie, from the bucket or group type that the linker describes for it.

use gomap::{Slots, Stored};

use crate::layout::Structure;
use crate::types::{TypeKind, TypeRef};
use crate::{Error, Program};

/// Slots of a bucket and of a group (abi.MapBucketCount and abi.MapGroupSlots, Go's src/internal/abi/map*.go).
const SLOTS: u64 = 8;

/// What a bucket or group has before its slots: tophash bytes or control word.
const PREFIX: u64 = 8;

/// A pointer's size, in bytes.
const POINTER: u64 = 8;

impl Program {
    /// Where this map type keeps its keys and elems.
    ///
    /// # Errors
    /// [`Error::NotAMap`]; [`Error::UnknownField`] if the runtime is of an unknown kind; [`Error::Damaged`].
    pub fn slots(&self, map: TypeRef) -> Result<Slots, Error> {
        let ty = self.ty(map)?;
        let TypeKind::Map { key, elem, header } = ty.kind else { return Err(Error::NotAMap { ty: ty.name }) };
        let (key, elem) = (self.ty(key)?.size, self.ty(elem)?.size);
        let header = Structure::of(self.ty(header)?)?;
        let slots = match header.field("buckets") {
            Ok(buckets) => self.bucket_slots(&self.pointee(buckets.ty)?, key, elem)?,
            Err(_) => self.group_slots(&self.group(&header)?, key, elem)?,
        };
        check(&slots).ok_or_else(|| Error::damaged(format_args!("the layout of {} contradicts itself", ty.name)))?;
        Ok(slots)
    }

    /// `bucket<K,V>`: tophash, keys, values, overflow.
    fn bucket_slots(&self, bucket: &Structure, key: u64, elem: u64) -> Result<Slots, Error> {
        let (keys, elems) = (bucket.field("keys")?, bucket.field("values")?);
        Ok(Slots {
            unit: bucket.size,
            key: stored(key, keys.offset, self.array_stride(keys.ty)?),
            elem: stored(elem, elems.offset, self.array_stride(elems.ty)?),
            overflow: Some(bucket.offset("overflow")?),
        })
    }

    /// `noalg.map.group[K]V`: the control word, then slots of a key and an elem; with
    /// `GOEXPERIMENT=mapsplitgroup` keys, then elems.
    fn group_slots(&self, group: &Structure, key: u64, elem: u64) -> Result<Slots, Error> {
        let (keys, elems) = match group.field("slots") {
            Ok(slots) => {
                let TypeKind::Array { elem: slot, .. } = self.ty(slots.ty)?.kind else { return Err(not_array(group)) };
                let slot = Structure::of(self.ty(slot)?)?;
                let at = |field: u64| slots.offset.saturating_add(field);
                ((at(slot.offset("key")?), slot.size), (at(slot.offset("elem")?), slot.size))
            }
            Err(_) => {
                let (keys, elems) = (group.field("keys")?, group.field("elems")?);
                ((keys.offset, self.array_stride(keys.ty)?), (elems.offset, self.array_stride(elems.ty)?))
            }
        };
        Ok(Slots {
            unit: group.size,
            key: stored(key, keys.0, keys.1),
            elem: stored(elem, elems.0, elems.1),
            overflow: None,
        })
    }

    /// The group type of a Swiss map's header: `dirPtr` leads over a pointer to its table.
    fn group(&self, header: &Structure) -> Result<Structure, Error> {
        let directory = self.target_of(header.field("dirPtr")?.ty)?;
        let table = self.pointee(directory)?;
        let groups = Structure::of(self.ty(table.field("groups")?.ty)?)?;
        self.pointee(groups.field("data")?.ty)
    }

    fn target_of(&self, pointer: TypeRef) -> Result<TypeRef, Error> {
        let ty = self.ty(pointer)?;
        match ty.kind {
            TypeKind::Pointer { target: Some(target) } => Ok(target),
            _ => Err(Error::damaged(format_args!("{} is not a pointer", ty.name))),
        }
    }

    fn pointee(&self, pointer: TypeRef) -> Result<Structure, Error> {
        Structure::of(self.ty(self.target_of(pointer)?)?)
    }

    fn array_stride(&self, array: TypeRef) -> Result<u64, Error> {
        let ty = self.ty(array)?;
        match ty.kind {
            TypeKind::Array { elem, .. } => Ok(self.ty(elem)?.size),
            _ => Err(Error::damaged(format_args!("{} is not an array", ty.name))),
        }
    }
}

fn not_array(group: &Structure) -> Error {
    Error::damaged(format_args!("the slots of {} are not an array", group.name))
}

/// A key or elem of `size` bytes. What is larger than 128 bytes lies elsewhere, and its slot has a pointer
/// (MaxKeyBytes and MaxElemBytes, Go's src/internal/abi/map*.go; the same in every version).
fn stored(size: u64, offset: u64, stride: u64) -> Stored {
    Stored { size, indirect: size > 128, offset, stride }
}

/// Whether everything lies inside the bucket or group, and nothing in something else.
fn check(slots: &Slots) -> Option<()> {
    let ends = |stored: &Stored| {
        let last = stored.stride.checked_mul(SLOTS - 1)?.checked_add(stored.offset)?;
        let fits = stored.stride >= stored.in_slot() && stored.offset >= PREFIX;
        last.checked_add(stored.in_slot()).filter(|_| fits)
    };
    let overflow = slots.overflow.map_or(Some(0), |offset| offset.checked_add(POINTER))?;
    let end = ends(&slots.key)?.max(ends(&slots.elem)?).max(overflow);
    (end <= slots.unit).then_some(())
}

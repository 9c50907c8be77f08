//! Whether two keys are equal as Go compares them.

use super::memory::{dynamic_type, range, u32_at, u64_at, with_bytes};
use super::shape::KeyShape;
use super::{KeyTypes, MAX_DEPTH, MAX_STEPS};
use crate::source::Source;

impl KeyShape {
    /// Whether two keys are equal as Go compares them: NaN equals nothing, not even itself. `None` if memory
    /// that belongs to one can't be read, or if an interface in it holds an unknown type.
    pub fn equal(&self, a: &[u8], b: &[u8], source: &dyn Source, types: &dyn KeyTypes) -> Option<bool> {
        Comparison { source, types, steps: MAX_STEPS }.equal(self, a, b, MAX_DEPTH)
    }
}

/// Two keys being compared.
struct Comparison<'a> {
    source: &'a dyn Source,
    types: &'a dyn KeyTypes,
    /// How many steps are left.
    steps: u32,
}

impl Comparison<'_> {
    fn equal(&mut self, shape: &KeyShape, a: &[u8], b: &[u8], depth: u32) -> Option<bool> {
        self.steps = self.steps.checked_sub(1)?;
        Some(match shape {
            KeyShape::Memory { size } => range(a, 0, *size)? == range(b, 0, *size)?,
            KeyShape::Float { size } => floats(a, b, *size)?,
            KeyShape::Complex { size } => {
                let half = *size / 2;
                floats(a, b, half)? && floats(range(a, half, half)?, range(b, half, half)?, half)?
            }
            KeyShape::String => self.strings(a, b)?,
            KeyShape::Interface { empty } => self.interfaces(a, b, *empty, depth)?,
            KeyShape::Array { .. } if shape.is_regular_memory() => {
                range(a, 0, shape.size())? == range(b, 0, shape.size())?
            }
            KeyShape::Array { elem, len } => {
                let size = elem.size();
                for index in 0..if size == 0 { 0 } else { *len } {
                    let at = index.checked_mul(size)?;
                    if !self.equal(elem, range(a, at, size)?, range(b, at, size)?, depth)? {
                        return Some(false);
                    }
                }
                true
            }
            KeyShape::Struct { fields, .. } => {
                for field in fields.iter().filter(|field| !field.blank) {
                    let size = field.shape.size();
                    let (a, b) = (range(a, field.offset, size)?, range(b, field.offset, size)?);
                    if !self.equal(&field.shape, a, b, depth)? {
                        return Some(false);
                    }
                }
                true
            }
            KeyShape::Unhashable { .. } => return None,
        })
    }

    fn strings(&self, a: &[u8], b: &[u8]) -> Option<bool> {
        let (addr, len) = (u64_at(a, 0)?, u64_at(a, 8)?);
        if len != u64_at(b, 8)? {
            return Some(false);
        }
        let other = u64_at(b, 0)?;
        if addr == other {
            return Some(true);
        }
        with_bytes(self.source, addr, len, |a| with_bytes(self.source, other, len, |b| a == b))?
    }

    /// efaceeq and ifaceeq (Go's src/runtime/alg.go). For one interface type, equal method tables are equal types.
    fn interfaces(&mut self, a: &[u8], b: &[u8], empty: bool, depth: u32) -> Option<bool> {
        let ty = dynamic_type(self.source, a, empty)?;
        if ty != dynamic_type(self.source, b, empty)? {
            return Some(false);
        }
        let Some(ty) = ty else { return Some(true) };
        let ty = self.types.dynamic(ty)?;
        let (a, b) = (u64_at(a, 8)?, u64_at(b, 8)?);
        if ty.direct {
            return Some(a == b);
        }
        let (size, depth, source) = (ty.shape.size(), depth.checked_sub(1)?, self.source);
        with_bytes(source, a, size, |a| with_bytes(source, b, size, |b| self.equal(&ty.shape, a, b, depth)))??
    }
}

fn floats(a: &[u8], b: &[u8], size: u64) -> Option<bool> {
    Some(match size {
        4 => f32::from_bits(u32_at(a, 0)?) == f32::from_bits(u32_at(b, 0)?),
        _ => f64::from_bits(u64_at(a, 0)?) == f64::from_bits(u64_at(b, 0)?),
    })
}

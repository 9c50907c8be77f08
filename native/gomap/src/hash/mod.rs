//! The runtime's own hash of a key, and its own idea of equal keys.
//!
//! A [`Hasher`] knows three things: the process's [`KeyMaterial`], a key's [`KeyShape`], and whose
//! [`HashStyle`] the map's hash function has. [`Hasher::prove`] shows whether all that is true of a map, by
//! entries that it really holds.

mod aes;
mod ahead;
mod equal;
mod memory;
mod overlay;
mod plan;
mod prove;
mod shape;
mod wyhash;

use std::rc::Rc;

pub use overlay::Overlay;
pub use plan::HashStyle;
pub use prove::Proof;
pub use shape::{KeyField, KeyShape};

pub(crate) use ahead::Ahead;
pub(crate) use memory::bytes_at;

use crate::source::Source;
use plan::{Op, Step};

/// What makes the hashes of one process differ from another's.
#[derive(Debug, Clone)]
pub struct KeyMaterial(Material);

#[derive(Debug, Clone)]
enum Material {
    Aes(aes::Schedule),
    Wyhash(wyhash::Words),
}

impl KeyMaterial {
    /// Of a process that hashes with AES instructions (`useAeshash`): its `aeskeysched`.
    pub fn aes(aeskeysched: &[u8; 128]) -> Self {
        KeyMaterial(Material::Aes(aes::Schedule::new(aeskeysched)))
    }

    /// Of a process that doesn't: its `hashkey`. Up to Go 1.22 only its first word counts (`first_only`).
    pub fn wyhash(hashkey: [u64; 4], first_only: bool) -> Self {
        KeyMaterial(Material::Wyhash(wyhash::Words::new(hashkey, first_only)))
    }

    fn memhash(&self, data: &[u8], seed: u64) -> u64 {
        match &self.0 {
            Material::Aes(schedule) => schedule.memhash(data, seed),
            Material::Wyhash(words) => words.memhash(data, seed),
        }
    }

    fn memhash_word(&self, word: u64, len: u64, seed: u64) -> u64 {
        match &self.0 {
            Material::Aes(schedule) => schedule.memhash64(word, seed),
            Material::Wyhash(words) => words.memhash_word(word, len, seed),
        }
    }
}

/// A type of key that an interface holds.
#[derive(Debug, Clone)]
pub struct DynamicKey {
    /// `None` if values can't be hashed.
    plan: Option<Vec<Step>>,
    shape: KeyShape,
    direct: bool,
}

impl DynamicKey {
    /// A type whose values look like `shape`, as its descriptor says: where that has TFlagRegularMemory, it is
    /// [`KeyShape::Memory`]. `direct` if the interface's second word is the value itself and not its address.
    pub fn new(shape: KeyShape, direct: bool) -> Self {
        DynamicKey { plan: plan::typehash_plan(&shape), shape, direct }
    }

    /// Whether values can be keys. The runtime panics with "hash of unhashable type" for others.
    pub fn is_hashable(&self) -> bool {
        self.plan.is_some()
    }

    /// Whether the interface's second word is the value itself.
    pub fn is_direct(&self) -> bool {
        self.direct
    }
}

/// The types that interface keys hold.
pub trait KeyTypes {
    /// The type that the runtime's descriptor at this address describes; `None` if that is unknown.
    fn dynamic(&self, descriptor: u64) -> Option<Rc<DynamicKey>>;
}

/// Knows no type: for maps without interfaces in their keys.
#[derive(Debug, Clone, Copy)]
pub struct NoTypes;

impl KeyTypes for NoTypes {
    fn dynamic(&self, _descriptor: u64) -> Option<Rc<DynamicKey>> {
        None
    }
}

/// Computes the hashes of one type of key, and compares keys.
#[derive(Debug, Clone)]
pub struct Hasher {
    material: KeyMaterial,
    plan: Vec<Step>,
    shape: KeyShape,
}

/// `c0` and `c1` on 64-bit machines (Go's src/runtime/alg.go).
const C0: u64 = 33_054_211_828_000_289;
const C1: u64 = 23_344_194_077_549_503;

/// So many steps go into one key at most: more is a damaged type or key.
const MAX_STEPS: u32 = 1 << 20;

/// So many interfaces are inside each other at most: more is a cycle, which the runtime couldn't hash either.
const MAX_DEPTH: u32 = 64;

impl Hasher {
    /// The hasher of keys of this shape, by a function of this style; `None` if they can't be keys.
    pub fn new(material: KeyMaterial, shape: KeyShape, style: HashStyle) -> Option<Self> {
        let plan = plan::plan(&shape, style)?;
        Some(Hasher { material, plan, shape })
    }

    /// Whether there are strings right in the keys.
    pub(crate) fn has_strings(&self) -> bool {
        self.plan.iter().any(|step| matches!(step.op, Op::String))
    }

    /// What the keys look like.
    pub fn shape(&self) -> &KeyShape {
        &self.shape
    }

    /// The hash of a key, given by the bytes that a slot holds of it. `None` if it has no fixed hash (NaN), if
    /// memory that belongs to it can't be read, or if an interface in it holds an unknown type.
    pub fn hash(&self, key: &[u8], seed: u64, source: &dyn Source, types: &dyn KeyTypes) -> Option<u64> {
        let mut walk = Walk { material: &self.material, source, types, steps: MAX_STEPS };
        walk.steps(&self.plan, key, 0, seed, MAX_DEPTH)
    }

    /// Whether two keys are equal, as [`KeyShape::equal`] says.
    pub fn equal(&self, a: &[u8], b: &[u8], source: &dyn Source, types: &dyn KeyTypes) -> Option<bool> {
        self.shape.equal(a, b, source, types)
    }
}

/// One key being hashed.
struct Walk<'a> {
    material: &'a KeyMaterial,
    source: &'a dyn Source,
    types: &'a dyn KeyTypes,
    /// How many steps are left.
    steps: u32,
}

impl Walk<'_> {
    fn steps(&mut self, steps: &[Step], key: &[u8], base: u64, mut hash: u64, depth: u32) -> Option<u64> {
        for step in steps {
            self.steps = self.steps.checked_sub(1)?;
            let at = base.checked_add(step.offset)?;
            hash = match &step.op {
                Op::Memory(size) => self.material.memhash(memory::range(key, at, *size)?, hash),
                Op::Memory32 => self.material.memhash_word(memory::u32_at(key, at)?.into(), 4, hash),
                Op::Memory64 => self.material.memhash_word(memory::u64_at(key, at)?, 8, hash),
                Op::String => {
                    let (addr, len) = (memory::u64_at(key, at)?, memory::u64_at(key, at.checked_add(8)?)?);
                    memory::with_bytes(self.source, addr, len, |bytes| self.material.memhash(bytes, hash))?
                }
                Op::Float32 => {
                    let float = f32::from_bits(memory::u32_at(key, at)?);
                    self.float(float.into(), memory::range(key, at, 4)?, hash)?
                }
                Op::Float64 => {
                    let float = f64::from_bits(memory::u64_at(key, at)?);
                    self.float(float, memory::range(key, at, 8)?, hash)?
                }
                Op::Interface { empty } => self.interface(memory::range(key, at, 16)?, *empty, hash, depth)?,
                Op::Repeat { count, stride, steps } => {
                    let mut at = at;
                    for _ in 0..*count {
                        hash = self.steps(steps, key, at, hash, depth)?;
                        at = at.checked_add(*stride)?;
                    }
                    hash
                }
            };
        }
        Some(hash)
    }

    /// f32hash and f64hash. The runtime hashes each NaN with a random number.
    fn float(&self, float: f64, bytes: &[u8], hash: u64) -> Option<u64> {
        if float.is_nan() {
            None
        } else if float == 0.0 {
            Some(C1.wrapping_mul(C0 ^ hash))
        } else {
            Some(self.material.memhash(bytes, hash))
        }
    }

    /// interhash and nilinterhash.
    fn interface(&mut self, words: &[u8], empty: bool, hash: u64, depth: u32) -> Option<u64> {
        let Some(descriptor) = memory::dynamic_type(self.source, words, empty)? else { return Some(hash) };
        let ty = self.types.dynamic(descriptor)?;
        let (plan, depth) = (ty.plan.as_ref()?, depth.checked_sub(1)?);
        let data = words.get(8..)?;
        let inner = if ty.direct {
            self.steps(plan, data, 0, hash ^ C0, depth)?
        } else {
            let (addr, source) = (memory::u64_at(data, 0)?, self.source);
            memory::with_bytes(source, addr, ty.shape.size(), |bytes| self.steps(plan, bytes, 0, hash ^ C0, depth))??
        };
        Some(C1.wrapping_mul(inner))
    }
}

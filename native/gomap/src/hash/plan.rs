//! The steps in which a hash function goes over a key, each seeded with the hash before it.
//!
//! Three writers of such functions disagree about neighbouring plain bytes, and so about the hash: the runtime
//! (`typehash`, for what an interface holds), the compiler up to Go 1.26, and the compiler since 1.27.

use super::shape::{KeyField, KeyShape, is_padded};

/// Which compiler wrote the hash function of a map type's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashStyle {
    /// The compiler up to Go 1.26: fields of plain bytes side by side in one step (genhash in
    /// src/cmd/compile/internal/reflectdata/alg.go, Memrun in src/cmd/compile/internal/compare/compare.go).
    Runs,
    /// The compiler since Go 1.27: whatever plain bytes lie side by side in one step, also those of two
    /// structures (eqSignature in src/cmd/compile/internal/reflectdata/alg.go).
    Signature,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// Where in the key, in bytes.
    pub(crate) offset: u64,
    pub(crate) op: Op,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Op {
    /// `memhash` of so many bytes.
    Memory(u64),
    /// `memhash32`.
    Memory32,
    /// `memhash64`.
    Memory64,
    /// `strhash`.
    String,
    /// `f32hash`.
    Float32,
    /// `f64hash`.
    Float64,
    /// `nilinterhash` or `interhash`.
    Interface { empty: bool },
    /// The same steps for each element of an array.
    Repeat { count: u64, stride: u64, steps: Vec<Step> },
}

/// The steps of a whole key; `None` if it can't be hashed.
pub(crate) fn plan(shape: &KeyShape, style: HashStyle) -> Option<Vec<Step>> {
    if !shape.is_hashable() {
        return None;
    }
    let mut steps = Vec::new();
    match style {
        // The map type names memhash0, memhash32 … for a key that is plain bytes as a whole.
        HashStyle::Runs if shape.is_regular_memory() => match shape.size() {
            0 => {}
            size => steps.push(Step { offset: 0, op: sized(size) }),
        },
        HashStyle::Runs => by_run(shape, 0, &mut steps),
        HashStyle::Signature => {
            let mut signature = Signature { steps, offset: 0, memory: 0 };
            signature.build(shape);
            signature.flush();
            steps = signature.steps;
        }
    }
    Some(steps)
}

/// The steps of `runtime.typehash` (Go's src/runtime/alg.go), which goes by a type's descriptor: what that says is
/// regular memory has the shape of memory. `None` if it can't be hashed.
pub(crate) fn typehash_plan(shape: &KeyShape) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    shape.is_hashable().then(|| by_field(shape, 0, &mut steps))?;
    Some(steps)
}

/// What hashes so many plain bytes where the function may choose.
fn sized(size: u64) -> Op {
    match size {
        4 => Op::Memory32,
        8 => Op::Memory64,
        _ => Op::Memory(size),
    }
}

/// What is the same for all: neither plain bytes nor a composite of more than one. False for those.
fn simple(shape: &KeyShape, offset: u64, steps: &mut Vec<Step>) -> bool {
    let mut push = |offset, op| steps.push(Step { offset, op });
    match shape {
        KeyShape::String => push(offset, Op::String),
        KeyShape::Float { size: 4 } => push(offset, Op::Float32),
        KeyShape::Float { .. } => push(offset, Op::Float64),
        KeyShape::Complex { size: 8 } => {
            push(offset, Op::Float32);
            push(offset + 4, Op::Float32);
        }
        KeyShape::Complex { .. } => {
            push(offset, Op::Float64);
            push(offset + 8, Op::Float64);
        }
        KeyShape::Interface { empty } => push(offset, Op::Interface { empty: *empty }),
        _ => return false,
    }
    true
}

fn by_field(shape: &KeyShape, offset: u64, steps: &mut Vec<Step>) {
    match shape {
        KeyShape::Memory { size } => steps.push(Step { offset, op: sized(*size) }),
        KeyShape::Array { elem, len } => repeat(elem, *len, offset, steps, by_field),
        KeyShape::Struct { fields, .. } => {
            for field in fields.iter().filter(|field| !field.blank) {
                by_field(&field.shape, offset.saturating_add(field.offset), steps);
            }
        }
        _ => {
            simple(shape, offset, steps);
        }
    }
}

/// hashFunc and hashfor up to Go 1.26, for what is not regular memory.
fn by_run(shape: &KeyShape, offset: u64, steps: &mut Vec<Step>) {
    match shape {
        KeyShape::Array { elem, len } => repeat(elem, *len, offset, steps, by_run),
        KeyShape::Struct { fields, size } => {
            let mut rest = 0;
            while let Some(field) = fields.get(rest) {
                let at = offset.saturating_add(field.offset);
                if field.blank {
                    rest += 1;
                } else if field.shape.is_regular_memory() {
                    let next = run(fields, rest, *size);
                    let end = fields.get(next - 1).map_or(0, KeyField::end);
                    steps.push(Step { offset: at, op: Op::Memory(end.saturating_sub(field.offset)) });
                    rest = next;
                } else {
                    by_run(&field.shape, at, steps);
                    rest += 1;
                }
            }
        }
        _ => {
            simple(shape, offset, steps);
        }
    }
}

/// Where the run of plain fields that begins at `start` ends (Memrun, where loads need no alignment).
fn run(fields: &[KeyField], start: usize, size: u64) -> usize {
    let mut next = start + 1;
    while let Some(field) = fields.get(next) {
        if is_padded(fields, next - 1, size) || field.blank || !field.shape.is_regular_memory() {
            break;
        }
        next += 1;
    }
    next
}

fn repeat(elem: &KeyShape, count: u64, offset: u64, steps: &mut Vec<Step>, each: fn(&KeyShape, u64, &mut Vec<Step>)) {
    let mut inner = Vec::new();
    each(elem, 0, &mut inner);
    if !inner.is_empty() && count > 0 {
        steps.push(Step { offset, op: Op::Repeat { count, stride: elem.size(), steps: inner } });
    }
}

/// eqSigBuilder since Go 1.27, with offsets instead of skips.
struct Signature {
    steps: Vec<Step>,
    /// Where the next part begins.
    offset: u64,
    /// How many plain bytes before `offset` are in no step yet.
    memory: u64,
}

impl Signature {
    fn flush(&mut self) {
        if self.memory > 0 {
            self.steps.push(Step { offset: self.offset.saturating_sub(self.memory), op: sized(self.memory) });
            self.memory = 0;
        }
    }

    fn skip_to(&mut self, offset: u64) {
        if self.offset < offset {
            self.flush();
            self.offset = offset;
        }
    }

    fn build(&mut self, shape: &KeyShape) {
        let start = self.offset;
        match shape {
            KeyShape::Memory { size } => self.plain(*size),
            KeyShape::Array { .. } if shape.is_regular_memory() => self.plain(shape.size()),
            KeyShape::Array { elem, len } => self.array(elem, *len),
            KeyShape::Struct { fields, size } => {
                for field in fields.iter().filter(|field| !field.blank) {
                    self.skip_to(start.saturating_add(field.offset));
                    self.build(&field.shape);
                }
                self.skip_to(start.saturating_add(*size));
            }
            _ => {
                self.flush();
                simple(shape, start, &mut self.steps);
                self.offset = start.saturating_add(shape.size());
            }
        }
    }

    fn plain(&mut self, size: u64) {
        self.memory = self.memory.saturating_add(size);
        self.offset = self.offset.saturating_add(size);
    }

    fn array(&mut self, elem: &KeyShape, len: u64) {
        /// How many bytes a round of the compiler's loop takes, about (unrollSize).
        const UNROLL: u64 = 32;
        let size = elem.size();
        if size == 0 || len == 0 {
            return;
        }
        if len == 1 {
            return self.build(elem);
        }
        let unroll = (UNROLL / size).max(1);
        for _ in 0..len % unroll {
            self.build(elem);
        }
        let rounds = len / unroll;
        if rounds <= 1 {
            for _ in 0..rounds * unroll {
                self.build(elem);
            }
            return;
        }
        self.flush();
        let mut inner = Signature { steps: Vec::new(), offset: 0, memory: 0 };
        for _ in 0..unroll {
            inner.build(elem);
        }
        inner.flush();
        let stride = size * unroll;
        self.steps.push(Step { offset: self.offset, op: Op::Repeat { count: rounds, stride, steps: inner.steps } });
        self.offset = self.offset.saturating_add(stride.saturating_mul(rounds));
    }
}

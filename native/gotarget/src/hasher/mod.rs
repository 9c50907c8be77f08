//! A map's own hash function, computed here: from the process's key material, the map type's descriptor, and the
//! DWARF's description of its keys.

mod types;

use gomap::{Finding, HashStyle, Hasher, Header, KeyField, KeyMaterial, KeyShape, KeyTypes, Verdict};
use goprogram::{Program, TypeKind, TypeRef};

pub use types::Types;

use crate::error::Error;
use crate::map::Map;
use crate::memory::MapSource;
use crate::target::Target;

/// Why a map's hashes can't be computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct NoHasher {
    /// In one line.
    pub why: String,
    /// What the map's own entries say against its seed, if not one of those looked at agrees with it.
    pub finding: Option<Box<Finding>>,
}

impl NoHasher {
    fn new(why: impl Into<String>) -> Self {
        NoHasher { why: why.into(), finding: None }
    }
}

impl<E: Into<Error>> From<E> for NoHasher {
    fn from(error: E) -> Self {
        NoHasher::new(error.into().to_string())
    }
}

/// So many of a map's entries prove a hasher.
const SAMPLES: u64 = 4;

/// So often a proof is tried that some entries contradict.
const TRIES: u32 = 4;

/// A hasher for this map's keys, proven on a few of its entries; an empty map needs no proof.
///
/// # Errors
/// The process doesn't tell what is needed, the map's hash function is unknown, or its entries don't lie where the
/// hashes lead.
pub fn hasher(target: &Target<'_>, map: &Map, types: &dyn KeyTypes) -> Result<Hasher, NoHasher> {
    proven(target, map, types).map(|(hasher, _)| hasher)
}

/// As [`hasher`], with how many bytes of the map's memory the proof took.
pub(crate) fn proven(target: &Target<'_>, map: &Map, types: &dyn KeyTypes) -> Result<(Hasher, u64), NoHasher> {
    let style = style(target, map)?;
    let shape = key_shape(target.program, map.key)?;
    let hasher = Hasher::new(material(target)?, shape, style)
        .ok_or_else(|| NoHasher::new("the debug information says that the map's keys can't be compared"))?;
    if map.value.header.0 == 0 {
        return Ok((hasher, 0));
    }
    let prove = || hasher.prove(&map.view(), &MapSource(target.memory), types, SAMPLES);
    let mut proof = prove()?;
    for _ in 1..TRIES {
        if proof.failed == 0 {
            break;
        }
        // The process may run, and have written meanwhile.
        proof = prove()?;
    }
    if proof.header.is_empty() || proof.held > proof.failed {
        Ok((hasher, proof.bytes_read))
    } else if proof.failed == 0 {
        Err(NoHasher::new("no key of the map was found on which the computed hash could be tried"))
    } else {
        let why = "the map's own keys don't lie where their computed hash leads".to_owned();
        let finding = (proof.held == 0).then(|| Box::new(against_seed(&proof.header, map.value.header.0)));
        Err(NoHasher { why, finding })
    }
}

/// The finding that no key lies where the map's seed leads.
fn against_seed(header: &Header, address: u64) -> Finding {
    let (field, value) = match header {
        Header::Classic(header) => ("hash0", header.hash0.into()),
        Header::Swiss(header) => ("seed", header.seed),
    };
    let why = "of the keys that were looked at, none lies where it leads".to_owned();
    let verdict = if header.is_writing() { Verdict::BeingWritten } else { Verdict::Unmarked };
    Finding { field, value, address, verdict, why }
}

/// What the runtime keeps for the process's hashes.
fn material(target: &Target<'_>) -> Result<KeyMaterial, NoHasher> {
    // They moved to internal/runtime/maps in Go 1.27 (src/internal/runtime/maps/runtime_alg.go).
    let version = target.program.version();
    let (package, use_aes) = match version.at_least(1, 27) {
        true => ("internal/runtime/maps", "UseAeshash"),
        false => ("runtime", "useAeshash"),
    };
    let addr = |name: &str| {
        let variable = target.program.variable(&format!("{package}.{name}"))?;
        Ok::<_, Error>(target.bias.to_runtime(variable.addr))
    };
    if target.uint(addr(use_aes)?, 1)? != 0 {
        let mut schedule = [0; 128];
        target.memory.read(addr("aeskeysched")?, &mut schedule)?;
        return Ok(KeyMaterial::aes(&schedule));
    }
    let mut bytes = [0; 32];
    target.memory.read(addr("hashkey")?, &mut bytes)?;
    let (words, _) = bytes.as_chunks();
    let mut words = words.iter().copied().map(u64::from_le_bytes);
    let hashkey = std::array::from_fn(|_| words.next().unwrap_or_default());
    Ok(KeyMaterial::wyhash(hashkey, !version.at_least(1, 23)))
}

/// Who wrote the hash function that the map type's descriptor names.
fn style(target: &Target<'_>, map: &Map) -> Result<HashStyle, NoHasher> {
    let compiled = match target.program.version().at_least(1, 27) {
        true => HashStyle::Signature,
        false => HashStyle::Runs,
    };
    // Without a descriptor or names of functions there is still the proof.
    let Some(descriptor) = target.program.ty(map.value.ty)?.descriptor else { return Ok(compiled) };
    let layout = target.program.abi_layout()?;
    let closure = target.pointer(target.bias.to_runtime(descriptor).plus(layout.map.hasher))?;
    let code = target.bias.to_link(target.pointer(closure)?);
    let Some(function) = target.program.function_at(code) else { return Ok(compiled) };
    style_of(&function.name, compiled)
        .ok_or_else(|| NoHasher::new(format!("the map's hash function is {}, which is unknown here", function.name)))
}

/// The style of the hash function of this name.
fn style_of(name: &str, compiled: HashStyle) -> Option<HashStyle> {
    let simple = ["memhash", "strhash", "f32hash", "f64hash", "c64hash", "c128hash", "interhash", "nilinterhash"];
    if let Some(name) = name.strip_prefix("runtime.") {
        return simple.iter().any(|simple| name.starts_with(simple)).then_some(compiled);
    }
    // `type..hash.` up to Go 1.19.
    (name.starts_with("type:.hash.") || name.starts_with("type..hash.")).then_some(compiled)
}

/// So deep are arrays and structures in each other at most.
const DEEPEST: u32 = 64;

/// So many parts has a key's type at most: Go's own have a few dozen.
const MOST_PARTS: u32 = 1 << 16;

/// What a key of this type is made of.
pub(crate) fn key_shape(program: &Program, ty: TypeRef) -> Result<KeyShape, Error> {
    let mut parts = MOST_PARTS;
    shape(program, ty, DEEPEST, &mut parts)
}

fn shape(program: &Program, ty: TypeRef, depth: u32, parts: &mut u32) -> Result<KeyShape, Error> {
    let ty = program.ty(ty)?;
    let size = ty.size;
    let left = parts.checked_sub(1).zip(depth.checked_sub(1));
    let Some((left, depth)) = left else {
        return Err(goprogram::Error::Damaged { what: format!("type {} has no end", ty.name) }.into());
    };
    *parts = left;
    Ok(match ty.kind {
        TypeKind::Bool
        | TypeKind::Int
        | TypeKind::Uint
        | TypeKind::Pointer { .. }
        | TypeKind::Chan { .. }
        | TypeKind::UnsafePointer => KeyShape::Memory { size },
        TypeKind::Float => KeyShape::Float { size },
        TypeKind::Complex => KeyShape::Complex { size },
        TypeKind::String => KeyShape::String,
        TypeKind::Interface { empty } => KeyShape::Interface { empty },
        TypeKind::Array { elem, len } => KeyShape::Array { elem: Box::new(shape(program, elem, depth, parts)?), len },
        TypeKind::Struct { fields } => {
            let field = |field: goprogram::Field| {
                let blank = field.name == "_";
                Ok(KeyField { offset: field.offset, blank, shape: shape(program, field.ty, depth, parts)? })
            };
            let fields: Result<Vec<KeyField>, Error> = fields.into_iter().map(field).collect();
            KeyShape::Struct { fields: fields?, size }
        }
        TypeKind::Slice { .. } | TypeKind::Map { .. } | TypeKind::Func | TypeKind::Other => {
            KeyShape::Unhashable { size }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_functions_are_known_by_name() {
        let style = |name| style_of(name, HashStyle::Signature);
        assert_eq!(style("runtime.memhash64"), Some(HashStyle::Signature));
        assert_eq!(style("type:.hash.main.Point"), Some(HashStyle::Signature));
        assert_eq!(style("reflect.MapOf.func1"), None);
        assert_eq!(style("main.hash"), None);
        assert_eq!(style("runtime.mapassign"), None);
    }
}

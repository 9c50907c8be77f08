//! What a key refers to: the bytes of a string, the value in an interface.

use crate::source::Source;

/// The longest string, or value in an interface, that is hashed or compared, in bytes: longer keys are damaged
/// far more likely than real.
const LONGEST: u64 = 64 << 20;

/// Up to so many bytes are read without an allocation.
const SHORT: usize = 256;

/// Offset of the dynamic type in a method table (`runtime.itab`, `internal/abi.ITab`: `Inter`, then `Type`).
const ITAB_TYPE: u64 = 8;

pub(super) fn range(bytes: &[u8], at: u64, len: u64) -> Option<&[u8]> {
    let start = usize::try_from(at).ok()?;
    bytes.get(start..start.checked_add(usize::try_from(len).ok()?)?)
}

pub(super) fn u64_at(bytes: &[u8], at: u64) -> Option<u64> {
    range(bytes, at, 8)?.first_chunk().copied().map(u64::from_le_bytes)
}

pub(super) fn u32_at(bytes: &[u8], at: u64) -> Option<u32> {
    range(bytes, at, 4)?.first_chunk().copied().map(u32::from_le_bytes)
}

/// Reads bytes and hands them on; `None` if they can't be read.
pub(super) fn with_bytes<T>(source: &dyn Source, addr: u64, len: u64, then: impl FnOnce(&[u8]) -> T) -> Option<T> {
    let mut short = [0; SHORT];
    if let Some(bytes) = usize::try_from(len).ok().and_then(|len| short.get_mut(..len)) {
        return (bytes.is_empty() || source.read(addr, bytes)).then(|| then(bytes));
    }
    bytes_at(source, addr, len).map(|long| then(&long))
}

/// Reads bytes; `None` if they can't be read.
pub(crate) fn bytes_at(source: &dyn Source, addr: u64, len: u64) -> Option<Vec<u8>> {
    // No memory is set aside for a length that isn't there.
    let last = addr.checked_add(len.saturating_sub(1))?;
    if len > LONGEST || (len > SHORT as u64 && !source.read(last, &mut [0])) {
        return None;
    }
    let mut bytes = vec![0; usize::try_from(len).ok()?];
    (len == 0 || source.read(addr, &mut bytes)).then_some(bytes)
}

/// The descriptor of the type that an interface of these two words holds: `Some(None)` if it is nil.
pub(super) fn dynamic_type(source: &dyn Source, words: &[u8], empty: bool) -> Option<Option<u64>> {
    let word = u64_at(words, 0)?;
    if word == 0 {
        return Some(None);
    }
    if empty {
        return Some(Some(word));
    }
    let mut ty = [0; 8];
    source.read(word.checked_add(ITAB_TYPE)?, &mut ty).then(|| Some(u64::from_le_bytes(ty)))
}

//! The eight bytes at the start of a bucket or group, all at once.
//!
//! A mask has one bit for each of them, bit 0 for slot 0, which is the lowest byte.

use crate::slots::SLOTS;

/// Values of tophash in src/runtime/map.go up to Go 1.23 (map_noswiss.go in 1.24 and 1.25).
pub(crate) const EMPTY_REST: u8 = 0;
pub(crate) const EVACUATED_X: u8 = 2;
pub(crate) const EVACUATED_Y: u8 = 3;
pub(crate) const EVACUATED_EMPTY: u8 = 4;
pub(crate) const MIN_TOP_HASH: u8 = 5;

/// Values of a control byte in src/internal/runtime/maps/group.go since Go 1.24; others below 0x80 are full.
pub(crate) const CTRL_EMPTY: u8 = 0x80;
pub(crate) const CTRL_DELETED: u8 = 0xfe;

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// One bit for each byte, out of the highest bits of the bytes.
fn packed(word: u64) -> u8 {
    (((word & HIGH) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
}

/// The bytes that are at least `least`, which is from 1 to 128.
fn at_least(word: u64, least: u8) -> u8 {
    let carried = (word & !HIGH).wrapping_add(LOW * u64::from(128 - least));
    packed(word | carried)
}

/// The bytes that equal `value`.
fn equal(word: u64, value: u8) -> u8 {
    !at_least(word ^ (LOW * u64::from(value)), 1)
}

/// The slots of a bucket that hold an entry which is not evacuated.
pub(crate) fn filled(tophash: u64) -> u8 {
    at_least(tophash, MIN_TOP_HASH)
}

/// The slots of a bucket that are marked evacuated, empty ones too.
pub(crate) fn evacuated(tophash: u64) -> u8 {
    at_least(tophash, EVACUATED_X) & !filled(tophash)
}

/// The slots of a bucket whose entry is marked evacuated.
pub(crate) fn evacuated_entries(tophash: u64) -> u8 {
    equal(tophash, EVACUATED_X) | equal(tophash, EVACUATED_Y)
}

/// The slots of a group that hold an entry.
///
/// A word of zeros is a group whose control word is not set yet, or is being cleared: eight entries would need
/// eight keys whose hashes all end in seven zeros.
pub(crate) fn full(control: u64) -> u8 {
    if control == 0 { 0 } else { packed(!control) }
}

/// The slots of a group that were never used, or may be used again.
pub(crate) fn empty(control: u64) -> u8 {
    equal(control, CTRL_EMPTY)
}

/// The slots of a group that hold a tombstone.
pub(crate) fn deleted(control: u64) -> u8 {
    equal(control, CTRL_DELETED)
}

/// The tophash of a hash: its highest byte, moved out of the way of the marks (tophash in src/runtime/map.go).
pub(crate) fn tophash(hash: u64) -> u8 {
    let top = (hash >> 56) as u8;
    if top < MIN_TOP_HASH { top + MIN_TOP_HASH } else { top }
}

/// What leads to a group: all of a hash but the lowest seven bits (h1 in src/internal/runtime/maps/map.go).
pub(crate) fn h1(hash: u64) -> u64 {
    hash >> 7
}

/// What a control byte keeps of a hash: the lowest seven bits (h2, in the same file).
pub(crate) fn h2(hash: u64) -> u8 {
    (hash & 0x7f) as u8
}

/// The byte of a slot.
pub(crate) fn byte(word: u64, slot: usize) -> u8 {
    word.to_le_bytes().get(slot).copied().unwrap_or_default()
}

/// The slots in a mask, lowest first.
pub(crate) fn slots(mask: u8) -> impl Iterator<Item = usize> {
    (0..SLOTS as usize).filter(move |slot| mask & (1 << slot) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_say_what_each_byte_says() {
        for value in 0..=u8::MAX {
            for slot in 0..8 {
                let mut bytes = [0x33, 0x80, 0x01, 0x7f, 0xfe, 0x05, 0x04, 0xff];
                bytes[slot] = value;
                let word = u64::from_le_bytes(bytes);
                let of =
                    |test: &dyn Fn(u8) -> bool| (0..8).fold(0, |mask, slot| mask | u8::from(test(bytes[slot])) << slot);
                assert_eq!(filled(word), of(&|byte| byte >= 5));
                assert_eq!(evacuated(word), of(&|byte| (2..5).contains(&byte)));
                assert_eq!(evacuated_entries(word), of(&|byte| byte == 2 || byte == 3));
                assert_eq!(full(word), of(&|byte| byte < 0x80));
                assert_eq!(empty(word), of(&|byte| byte == 0x80));
                assert_eq!(deleted(word), of(&|byte| byte == 0xfe));
            }
        }
        assert_eq!(full(0), 0);
    }
}

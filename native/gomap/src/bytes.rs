//! Reading fields out of the bytes of a structure.

/// Why bytes could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes end before the field does.
    #[error(
        "{have} bytes are too few for field {field}, which ends at byte {needs}: read as many bytes as the layout's size"
    )]
    TooShort {
        /// Go's name of the field.
        field: &'static str,
        /// Where the field ends, in bytes from the structure's start.
        needs: u64,
        /// How many bytes were given.
        have: u64,
    },
    /// There is no memory where the map's header should be.
    #[error("the map's header at {address:#x} cannot be read: check the address, and that the process still runs")]
    NoHeader {
        /// Its address.
        address: u64,
    },
    /// The slots don't fit into a bucket or group.
    #[error("the map type's keys and elems don't fit into its buckets: its DWARF is damaged, rebuild the program")]
    Slots,
}

/// The `N` bytes of `field`, which lies `offset` bytes into `bytes`.
fn array<const N: usize>(bytes: &[u8], offset: u64, field: &'static str) -> Result<[u8; N], Error> {
    usize::try_from(offset).ok().and_then(|start| bytes.get(start..)?.first_chunk()).copied().ok_or(Error::TooShort {
        field,
        needs: offset.saturating_add(N as u64),
        have: bytes.len() as u64,
    })
}

pub(crate) fn u8_at(bytes: &[u8], offset: u64, field: &'static str) -> Result<u8, Error> {
    array(bytes, offset, field).map(u8::from_le_bytes)
}

pub(crate) fn u16_at(bytes: &[u8], offset: u64, field: &'static str) -> Result<u16, Error> {
    array(bytes, offset, field).map(u16::from_le_bytes)
}

pub(crate) fn u32_at(bytes: &[u8], offset: u64, field: &'static str) -> Result<u32, Error> {
    array(bytes, offset, field).map(u32::from_le_bytes)
}

pub(crate) fn u64_at(bytes: &[u8], offset: u64, field: &'static str) -> Result<u64, Error> {
    array(bytes, offset, field).map(u64::from_le_bytes)
}

pub(crate) fn i64_at(bytes: &[u8], offset: u64, field: &'static str) -> Result<i64, Error> {
    array(bytes, offset, field).map(i64::from_le_bytes)
}

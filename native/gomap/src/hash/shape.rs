//! What a key is made of, as far as hashing and comparing it goes.

/// How the values of a type are hashed and compared: what cmd/compile/internal/types calls its algorithm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyShape {
    /// Bytes that are equal only if they are the same: bool, integers, pointers, channels.
    Memory {
        /// Bytes.
        size: u64,
    },
    /// `string`.
    String,
    /// `float32` or `float64`.
    Float {
        /// Bytes: 4 or 8.
        size: u64,
    },
    /// `complex64` or `complex128`.
    Complex {
        /// Bytes: 8 or 16.
        size: u64,
    },
    /// An interface.
    Interface {
        /// Whether it has no methods: its first word is a type, not a method table.
        empty: bool,
    },
    /// An array.
    Array {
        /// The elements.
        elem: Box<KeyShape>,
        /// How many there are.
        len: u64,
    },
    /// A structure.
    Struct {
        /// Its fields in order, blank ones too.
        fields: Vec<KeyField>,
        /// Bytes.
        size: u64,
    },
    /// What Go can't compare: a slice, map or function.
    Unhashable {
        /// Bytes.
        size: u64,
    },
}

/// A field of a structure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyField {
    /// Its place, in bytes from the structure's start.
    pub offset: u64,
    /// Whether its name is `_`: neither hashed nor compared.
    pub blank: bool,
    /// What it is.
    pub shape: KeyShape,
}

/// Bytes of a string's or an interface's two words.
const TWO_WORDS: u64 = 16;

impl KeyShape {
    /// Size of a value, in bytes.
    pub fn size(&self) -> u64 {
        match self {
            KeyShape::Memory { size }
            | KeyShape::Float { size }
            | KeyShape::Complex { size }
            | KeyShape::Struct { size, .. }
            | KeyShape::Unhashable { size } => *size,
            KeyShape::String | KeyShape::Interface { .. } => TWO_WORDS,
            KeyShape::Array { elem, len } => elem.size().saturating_mul(*len),
        }
    }

    /// Whether values can be compared, and so be keys.
    pub fn is_hashable(&self) -> bool {
        match self {
            KeyShape::Unhashable { .. } => false,
            KeyShape::Array { elem, .. } => elem.is_hashable(),
            KeyShape::Struct { fields, .. } => fields.iter().all(|field| field.shape.is_hashable()),
            _ => true,
        }
    }

    /// Whether the compiler takes values for plain bytes (AMEM: CalcSize and CalcStructSize in Go's
    /// src/cmd/compile/internal/types/size.go, the same from 1.21 to 1.27).
    pub(crate) fn is_regular_memory(&self) -> bool {
        match self {
            KeyShape::Memory { .. } => true,
            KeyShape::Array { elem, len } => *len == 0 || elem.is_regular_memory(),
            KeyShape::Struct { fields, size } => match fields.as_slice() {
                [only] if !only.blank => only.shape.is_regular_memory(),
                fields => fields.iter().enumerate().all(|(index, field)| {
                    !field.blank && field.shape.is_regular_memory() && !is_padded(fields, index, *size)
                }),
            },
            _ => false,
        }
    }
}

impl KeyField {
    /// Where it ends, in bytes from the structure's start.
    pub(crate) fn end(&self) -> u64 {
        self.offset.saturating_add(self.shape.size())
    }
}

/// Whether padding follows a field of a structure of this size (IsPaddedField in Go's
/// src/cmd/compile/internal/types/alg.go).
pub(crate) fn is_padded(fields: &[KeyField], index: usize, size: u64) -> bool {
    let next = fields.get(index + 1).map_or(size, |next| next.offset);
    fields.get(index).is_some_and(|field| field.end() != next)
}

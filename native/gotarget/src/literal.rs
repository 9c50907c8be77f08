//! Keys as people write them, turned into the bytes that a map would hold of them.

use goprogram::TypeRef;

use crate::error::Error;
use crate::target::Target;

/// A key to look for.
#[derive(Clone, Debug)]
pub struct Key {
    /// What a slot would hold of it.
    pub bytes: Vec<u8>,
    /// What these bytes refer to: strings' bytes, values in interfaces.
    pub(crate) arena: Vec<u8>,
}

impl Key {
    /// A key whose bytes were taken from the process: what they refer to is there.
    #[must_use]
    pub fn of_process(bytes: Vec<u8>) -> Key {
        Key { bytes, arena: Vec::new() }
    }

    /// Reads a key of this type: `42`, `0x2a`, `'x'`, `1.5`, `true`, `"alice"` or just `alice`, `{1, 2}`,
    /// `Point{X: 1, Y: 2}`, `[1, 2]`, and for an interface `int(3)`, `"x"`, `main.T{1}`, `nil`.
    ///
    /// # Errors
    /// [`Error::Key`]: the text is none of this type.
    pub fn parse(target: &Target<'_>, key_type: TypeRef, text: &str) -> Result<Key, Error> {
        let _ = (target, key_type, text);
        todo!()
    }
}

//! How the runtime hashes keys.

use std::rc::Rc;

/// Computes the hashes of one type of key.
#[derive(Debug)]
pub struct Hasher {}

/// The key that an interface holds.
#[derive(Debug)]
pub struct DynamicKey {}

/// The types that interface keys hold.
pub trait KeyTypes {
    /// The type that a descriptor describes.
    fn dynamic(&self, descriptor: u64) -> Option<Rc<DynamicKey>>;
}

/// Knows no type.
#[derive(Debug, Clone, Copy)]
pub struct NoTypes;

impl KeyTypes for NoTypes {
    fn dynamic(&self, _descriptor: u64) -> Option<Rc<DynamicKey>> {
        None
    }
}

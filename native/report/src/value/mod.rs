//! Go values as text and as JSON, written straight into a buffer.

mod json;
mod number;
mod quote;
mod rendered;
mod text;

pub(crate) use json::entry as json_entry;
pub use json::json;
pub use rendered::Rendered;
pub use text::text;

#[cfg(test)]
mod tests;

//! Go values as text and as JSON, written straight into a buffer.

mod json;
mod number;
mod quote;
mod text;

pub use json::json;
pub(crate) use json::string as json_string;
pub use text::text;

#[cfg(test)]
mod tests;

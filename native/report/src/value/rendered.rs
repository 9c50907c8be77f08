//! A value in a report.

use gotarget::Value;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// A value, written in both ways.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// As text, on one line.
    pub text: String,
    json: Box<RawValue>,
}

impl Rendered {
    /// Writes a value.
    #[must_use]
    pub fn new(value: &Value) -> Self {
        let (mut text, mut json) = (Vec::new(), Vec::new());
        super::text(value, &mut text);
        super::json(value, &mut json);
        let json = String::from_utf8_lossy(&json).into_owned();
        Rendered {
            text: String::from_utf8_lossy(&text).into_owned(),
            json: RawValue::from_string(json).unwrap_or_else(|_| RawValue::NULL.to_owned()),
        }
    }

    /// A value as a person has written it, where it is not known otherwise.
    #[must_use]
    pub fn written(text: &str) -> Self {
        let mut json = Vec::new();
        super::json::string(text, &mut json);
        let as_string = || RawValue::from_string(String::from_utf8_lossy(&json).into_owned());
        let json = RawValue::from_string(text.to_owned()).or_else(|_| as_string());
        Rendered { text: text.to_owned(), json: json.unwrap_or_else(|_| RawValue::NULL.to_owned()) }
    }
}

impl Serialize for Rendered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(serializer)
    }
}

//! A condition on an entry: `elem.Age > 30`.

use std::cmp::Ordering;

use gomap::Entry;

use super::operand::Operand;
use super::path::{Path, Reached};
use crate::error::Error;
use crate::map::Map;
use crate::target::Target;
use crate::value::{Value, Values};

/// A condition, made ready for one map.
pub(super) struct Condition {
    path: Path,
    comparison: Comparison,
    operand: Operand,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Contains,
}

/// The longer ones first: `<` is the beginning of `<=`.
const COMPARISONS: [(&str, Comparison); 7] = [
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
    ("~", Comparison::Contains),
];

impl Condition {
    /// Makes a condition ready for a map.
    pub(super) fn new(target: &Target<'_>, values: &Values<'_>, map: &Map, text: &str) -> Result<Condition, Error> {
        let wrong = |why: String| Error::Query { text: text.to_owned(), why };
        let at = text.find(['=', '!', '<', '>', '~']).ok_or_else(|| {
            wrong(
                "it compares nothing: write a path, one of == != < <= > >= ~, and a value, as in elem.Age > 30"
                    .to_owned(),
            )
        })?;
        let (path, rest) = text.split_at(at);
        let (comparison, operand) = COMPARISONS
            .iter()
            .find_map(|(sign, comparison)| Some((*comparison, rest.strip_prefix(sign)?.trim())))
            .ok_or_else(|| wrong("the comparison is one of == != < <= > >= ~".to_owned()))?;
        if operand.is_empty() {
            return Err(wrong("nothing follows the comparison: text that is empty is written \"\"".to_owned()));
        }
        let path = Path::new(target, values, map.key, map.elem, path.trim())?;
        let condition = Condition { path, comparison, operand: Operand::parse(operand)? };
        if !condition.is_sensible(&condition.path.sample(values)) {
            return Err(wrong(match comparison {
                Comparison::Contains => "the value on its left is no text: ~ finds text in text".to_owned(),
                _ => format!(
                    "the value on its left cannot be compared with {operand}: give one of its own kind, or the path to a part of it"
                ),
            }));
        }
        Ok(condition)
    }

    /// Whether an entry fulfils the condition; `None` if that cannot be told.
    pub(super) fn holds(&self, target: &Target<'_>, values: &Values<'_>, entry: &Entry<'_>) -> Option<bool> {
        match self.path.reach(target, values, entry) {
            Reached::Value(value) => Some(self.holds_of(&value)),
            // What is not there differs from everything.
            Reached::Nothing => Some(self.comparison == Comparison::NotEqual),
            Reached::Unreadable => None,
        }
    }

    fn holds_of(&self, value: &Value) -> bool {
        if self.comparison == Comparison::Contains {
            return self.operand.is_in(value).unwrap_or(false);
        }
        let ordering = self.operand.compare(value);
        match self.comparison {
            Comparison::Equal | Comparison::Contains => ordering == Some(Ordering::Equal),
            Comparison::NotEqual => ordering != Some(Ordering::Equal),
            Comparison::Less => ordering == Some(Ordering::Less),
            Comparison::LessOrEqual => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
            Comparison::Greater => ordering == Some(Ordering::Greater),
            Comparison::GreaterOrEqual => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
        }
    }

    /// Whether the operand is anything that such a value could be compared with. Of a nil pointer or
    /// interface there is no telling.
    fn is_sensible(&self, sample: &Value) -> bool {
        match (sample, self.comparison) {
            (Value::Nil | Value::Unreadable { .. } | Value::Cut, _) => true,
            (_, Comparison::Contains) => self.operand.is_in(sample).is_some(),
            _ => self.operand.compare(sample).is_some(),
        }
    }
}

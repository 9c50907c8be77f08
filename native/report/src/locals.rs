//! Values that are no maps: of an expression, and of a frame's variables.

use serde::Serialize;

use crate::Report;
use crate::frame::Frame;
use crate::palette::{Palette, paint};
use crate::value::Rendered;

/// The value of an expression.
#[derive(Debug, Clone, Serialize)]
pub struct ValueReport {
    /// The expression.
    pub expression: String,
    /// Its Go type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Its value.
    pub value: Rendered,
}

/// The value alone.
impl Report for ValueReport {
    const SCHEMA: &'static str = "redhanded.value/1";

    fn text(&self, _palette: &Palette) -> String {
        format!("{}\n", self.value.text)
    }
}

/// A local variable or argument.
#[derive(Debug, Clone, Serialize)]
pub struct LocalLine {
    /// Its name.
    pub name: String,
    /// Its Go type; `None` where the program doesn't say.
    #[serde(rename = "type")]
    pub type_name: Option<String>,
    /// Its value; `None` where it cannot be told.
    pub value: Option<Rendered>,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The variables of a frame.
#[derive(Debug, Clone, Serialize)]
pub struct LocalsReport {
    /// The frame, where it is known.
    pub frame: Option<Frame>,
    /// Its variables, those of the innermost scope first.
    pub locals: Vec<LocalLine>,
}

/// `name: type = value`, one line each.
impl Report for LocalsReport {
    const SCHEMA: &'static str = "redhanded.locals/1";

    fn text(&self, palette: &Palette) -> String {
        let mut text = String::new();
        if let Some(frame) = &self.frame {
            text.push_str(&format!("{}\n", paint(palette.heading, &frame.short())));
        }
        for LocalLine { name, type_name, value, error } in &self.locals {
            let ty = type_name.as_ref().map_or_else(String::new, |name| format!(": {name}"));
            let value = match (value, error) {
                (Some(value), _) => value.text.clone(),
                (None, Some(error)) => paint(palette.faint, &format!("<{error}>")),
                (None, None) => paint(palette.faint, "<unknown>"),
            };
            text.push_str(&format!("  {name}{ty} = {value}\n"));
        }
        if self.locals.is_empty() {
            text.push_str("  no variables here\n");
        }
        text
    }
}

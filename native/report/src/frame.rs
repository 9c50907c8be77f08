//! One frame of a stack, and one place in the source.

use gotarget::stack::is_runtime_function;
use serde::Serialize;

use crate::words::hex;

/// A frame of a goroutine's stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Frame {
    /// The program counter: that of the next instruction, except in the innermost frame.
    #[serde(serialize_with = "hex")]
    pub pc: u64,
    /// The function's Go name, `main.writerA`; `None` where no function is known.
    pub function: Option<String>,
    /// The source file's full path, if it is known.
    pub file: Option<String>,
    /// The line in `file`, from 1.
    pub line: Option<u32>,
    /// How far `pc` is into the function, in bytes.
    pub offset: Option<u64>,
    /// Whether the compiler has inlined this function into that of the next frame.
    pub inlined: bool,
}

impl Frame {
    /// The function, or the bare address.
    pub(crate) fn function(&self) -> String {
        self.function.clone().unwrap_or_else(|| format!("{:#x}", self.pc))
    }

    /// `main.go:23`, with the last part of the path only; nothing if the file is not known.
    pub(crate) fn short_position(&self) -> String {
        self.position(|file| file.rsplit('/').next().unwrap_or(file))
    }

    /// `/src/clobber/main.go:23`; nothing if the file is not known.
    pub(crate) fn full_position(&self) -> String {
        self.position(|file| file)
    }

    /// Whether it belongs to the Go runtime.
    pub(crate) fn is_runtime(&self) -> bool {
        self.function.as_deref().is_some_and(is_runtime_function)
    }

    /// `main.writerA main.go:23`.
    pub(crate) fn short(&self) -> String {
        format!("{} {}", self.function(), self.short_position()).trim_end().to_owned()
    }

    /// The two lines that Go prints of a frame, as in the race detector's report.
    pub(crate) fn long(&self) -> String {
        let arguments = if self.inlined { "..." } else { "" };
        let mut text = format!("  {}({arguments})\n", self.function());
        let position = self.full_position();
        if !position.is_empty() {
            text.push_str("      ");
            text.push_str(&position);
            if let Some(offset) = self.offset.filter(|_| !self.inlined) {
                text.push_str(&format!(" +{offset:#x}"));
            }
            text.push('\n');
        }
        text
    }

    fn position(&self, file_name: impl Fn(&str) -> &str) -> String {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => format!("{}:{line}", file_name(file)),
            (Some(file), None) => file_name(file).to_owned(),
            (None, _) => String::new(),
        }
    }
}

//! The samples that race, and what `--json` says of their culprits.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::run::{Line, Tended};

/// The samples that race, and who does.
pub(super) const RACES: [(&str, [&str; 2]); 3] = [
    ("clobber", ["main.writerA", "main.writerB"]),
    ("read-write", ["main.reader", "main.writer"]),
    ("iterate-write", ["main.iterator", "main.writer"]),
];

/// How much sooner than the samples' own pace the race comes.
pub(super) const HURRY: [&str; 2] = ["-hurry", "250"];

/// What a command has printed, and how it has ended.
pub(super) struct Printed {
    pub(super) lines: Vec<String>,
    pub(super) status: Option<i32>,
}

impl Printed {
    /// Runs a command to its end.
    pub(super) fn of(command: &mut Command, limit: Duration) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let end = Instant::now() + limit;
        let mut child = Tended::spawn(command)?;
        let mut lines = Vec::new();
        let coming = child.lines();
        while let Ok(Line::Out(line) | Line::Err(line)) =
            coming.recv_timeout(end.saturating_duration_since(Instant::now()))
        {
            lines.push(line);
        }
        match child.wait_for(end.saturating_duration_since(Instant::now()))? {
            Some(status) => Ok(Printed { lines, status: status.code() }),
            None => bail!("{name} has not ended in {} s; it has said: {}", limit.as_secs(), lines.join("\n")),
        }
    }

    /// The first object of a schema, if there is one.
    pub(super) fn first<T: DeserializeOwned>(&self, schema: &str) -> Result<Option<T>> {
        let objects = self.lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let found = objects.into_iter().find(|object| object.get("schema").is_some_and(|of| of == schema));
        found.map(|found| serde_json::from_value(found).context(schema.to_owned())).transpose()
    }
}

/// An access, or a suspect.
#[derive(Deserialize)]
pub(super) struct Who {
    stack: Vec<Frame>,
}

#[derive(Deserialize)]
struct Frame {
    function: Option<String>,
}

impl Who {
    /// Whether the function is on its stack.
    pub(super) fn is_within(&self, function: &str) -> bool {
        self.stack.iter().any(|frame| frame.function.as_deref() == Some(function))
    }
}

/// Who ends the process.
#[derive(Deserialize)]
pub(super) struct Fatal {
    access: Who,
}

impl Fatal {
    /// The culprit that it was not.
    pub(super) fn other<'a>(&self, [a, b]: [&'a str; 2]) -> Result<&'a str> {
        match (self.access.is_within(a), self.access.is_within(b)) {
            (true, false) => Ok(b),
            (false, true) => Ok(a),
            _ => bail!("who ends the process is not in one of {a} and {b}"),
        }
    }
}

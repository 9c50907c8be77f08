//! The other goroutine of a race that ends a process, and who else uses the map.

use serde::Serialize;

use crate::Report;
use crate::fatal::Party;
use crate::frame::Frame;
use crate::palette::{Palette, paint};
use crate::race::{AccessKind, RULE, capitalised, stack};
use crate::words::{columns, goroutine, hex};

/// How sure it is that a goroutine is the other one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// What speaks for it speaks for others too.
    Possible,
    /// More speaks for it than for anyone else.
    Likely,
    /// Both were in the map at the same time.
    Proven,
}

/// The goroutine that another one met in a map, so that it ends the process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CulpritReport {
    /// Where the map's header is.
    #[serde(serialize_with = "hex")]
    pub address: u64,
    /// How sure it is.
    pub certainty: Certainty,
    /// What speaks for it, in a few words each.
    pub reasons: Vec<String>,
    /// The goroutine, and what it did.
    pub access: Party,
}

impl Report for CulpritReport {
    const SCHEMA: &'static str = "redhanded.culprit/1";

    fn text(&self, palette: &Palette) -> String {
        let CulpritReport { address, certainty, reasons, access } = self;
        let heading = match certainty {
            Certainty::Proven => "THE OTHER CULPRIT",
            Certainty::Likely => "THE OTHER CULPRIT, most likely",
            Certainty::Possible => "SUSPECT",
        };
        let mut text = format!("{RULE}\n{}: {}\n", paint(palette.alarm, heading), reasons.join("; "));
        text.push_str(&access.text(palette, Some(*address), "Previous"));
        text.push('\n');
        text.push_str(&access.origin(palette));
        text.push_str(RULE);
        text.push('\n');
        text
    }
}

/// Accesses of one kind by one goroutine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UseLine {
    /// What they do with the map.
    pub kind: AccessKind,
    /// How many there were.
    pub count: u64,
    /// The stack of the first of them, innermost frame first.
    pub stack: Vec<Frame>,
}

/// A goroutine that uses a map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserLine {
    /// The goroutine's id; `None` if it is not known.
    pub goroutine: Option<u64>,
    /// Address of the goroutine's `runtime.g`, which is never shared.
    #[serde(serialize_with = "hex")]
    pub g: u64,
    /// What it did.
    pub uses: Vec<UseLine>,
}

/// Who has used a map within some time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UserList {
    /// For how long they were watched, in seconds.
    pub seconds: f64,
    /// The goroutines, the busiest writers first.
    pub users: Vec<UserLine>,
    /// How many more accesses there were, by goroutines that came later and are not listed.
    pub by_others: u64,
    /// How many accesses were lost, by whomever.
    pub lost: u64,
}

impl UseLine {
    /// `812 writes`
    fn count(&self) -> String {
        let noun = match (self.kind, self.count) {
            (AccessKind::Iteration, 1) => "iteration step",
            (AccessKind::Iteration, _) => "iteration steps",
            (kind, 1) => return format!("1 {}", kind.noun()),
            (kind, count) => return format!("{count} {}s", kind.noun()),
        };
        format!("{} {noun}", self.count)
    }

    /// The line of the program that does it.
    fn at(&self) -> Option<&Frame> {
        self.stack.iter().find(|frame| !frame.is_runtime()).or(self.stack.first())
    }
}

/// `  goroutine 18  812 writes  main.writerA main.go:29` for each, and then their stacks.
impl Report for UserList {
    const SCHEMA: &'static str = "redhanded.users/1";

    fn text(&self, palette: &Palette) -> String {
        let UserList { seconds, users, by_others, lost } = self;
        let rows: Vec<Vec<String>> = users
            .iter()
            .flat_map(|user| {
                user.uses.iter().enumerate().map(|(number, used)| {
                    let who = if number == 0 { goroutine(user.goroutine) } else { String::new() };
                    vec![who, used.count(), used.at().map_or_else(String::new, Frame::short)]
                })
            })
            .collect();
        let nobody = if users.is_empty() { " nobody" } else { "" };
        let heading = format!("Who else used the map within {seconds:.1} s:{nobody}");
        let mut text = format!("{}\n{}", paint(palette.heading, &heading), columns("  ", &rows));
        if *by_others > 0 {
            text.push_str(&format!("  and {by_others} accesses by goroutines that came later\n"));
        }
        if *lost > 0 {
            text.push_str(&format!("  {lost} accesses were lost: there may have been others\n"));
        }
        for (used, by) in self.stacks() {
            let heading = format!("{} by {}:", capitalised(used.kind.noun()), by.join(", "));
            text.push_str(&format!("\n{}\n{}", paint(palette.heading, &heading), stack(&used.stack)));
        }
        text
    }
}

impl UserList {
    /// Every stack once, with those who had it.
    fn stacks(&self) -> Vec<(&UseLine, Vec<String>)> {
        let mut found: Vec<(&UseLine, Vec<String>)> = Vec::new();
        for (user, used) in self.users.iter().flat_map(|user| user.uses.iter().map(move |used| (user, used))) {
            let same = found.iter_mut().find(|(other, _)| other.kind == used.kind && other.stack == used.stack);
            let who = goroutine(user.goroutine);
            match same {
                Some((_, by)) => by.push(who),
                None => found.push((used, vec![who])),
            }
        }
        found
    }
}

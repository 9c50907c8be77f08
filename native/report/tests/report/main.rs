//! What a person and a program are given to read.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod access;
mod answers;
mod autopsy;
mod culprit;
mod fatal;
mod header;
mod lists;
mod page;
mod race;
mod stakeout;
mod trace;
mod variable;

use report::{Frame, Palette, Report, Subject};

/// The text without colour. With colour the same words must be there.
fn plain(report: &impl Report) -> String {
    let text = report.text(&Palette::new(false));
    assert!(!text.contains('\x1b'));
    let mut coloured = report.text(&Palette::new(true));
    while let Some(start) = coloured.find('\x1b') {
        let len = coloured[start..].find('m').unwrap();
        coloured.replace_range(start..=start + len, "");
    }
    assert_eq!(coloured, text);
    text
}

/// The JSON, read back.
fn json<R: Report>(report: &R) -> serde_json::Value {
    let line = report.json().unwrap();
    assert!(!line.contains('\n'));
    assert!(line.starts_with(&format!("{{\"schema\":\"{}\"", R::SCHEMA)));
    serde_json::from_str(&line).unwrap()
}

fn subject() -> Subject {
    Subject {
        expression: "main.shared".into(),
        type_name: "map[int]int".into(),
        address: 0xc0_0001_2180,
        go: "1.23.4".into(),
    }
}

fn frame(function: &str, line: u32) -> Frame {
    Frame {
        pc: 0x49_8000 + u64::from(line),
        function: Some(function.into()),
        file: Some("/src/clobber/main.go".into()),
        line: Some(line),
        offset: Some(0x1d),
        inlined: false,
    }
}

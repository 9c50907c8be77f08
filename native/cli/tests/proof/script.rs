//! The corpus, doing as it is told.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::builds::Build;
use crate::compare::canonical;
use crate::process::Corpus;
use crate::reading::Reading;

/// The kinds of map that it changes: one of each way to store and to hash a key.
pub(crate) const KINDS: [&str; 10] =
    ["int", "int32", "string", "set", "point", "float", "names", "indirect", "half", "uint8"];

/// A process that changes its maps as told.
pub(crate) struct Script {
    corpus: Corpus,
    /// What it reads the map with.
    pub(crate) process: gotarget::Process,
}

/// What the program says that a map holds.
#[derive(Debug, Default, Clone)]
pub(crate) struct Content {
    /// Each entry's key and elem in one form, and how often it is there.
    pub(crate) entries: BTreeMap<(String, String), usize>,
    /// For each entry that can be looked up: the key's literal, and the elem.
    pub(crate) gets: Vec<(String, String)>,
}

impl Script {
    pub(crate) fn start(build: &Build) -> Self {
        let corpus = Corpus::start(build, "script");
        let process = gotarget::Process::live(corpus.pid(), None).unwrap();
        Script { corpus, process }
    }

    /// The thread that does it.
    pub(crate) fn thread(&self) -> i32 {
        self.corpus.said[0]["thread"].as_i64().unwrap().try_into().unwrap()
    }

    /// Has it do something, and waits until it has.
    pub(crate) fn run(&mut self, line: &str) -> Vec<Value> {
        self.begin(line);
        self.finish()
    }

    /// Has it do something, without waiting.
    pub(crate) fn begin(&mut self, line: &str) {
        self.corpus.tell(line);
    }

    /// Waits until it has done what it was told.
    pub(crate) fn finish(&mut self) -> Vec<Value> {
        self.corpus.answer("ok")
    }

    /// What a map holds.
    pub(crate) fn content(&mut self, kind: &str) -> Content {
        let said = self.run(&format!("{kind} tell"));
        let mut content = Content::default();
        for entry in said[0]["map"].as_array().into_iter().flatten() {
            let (key, elem) = (canonical(&entry["key"]).to_string(), canonical(&entry["elem"]).to_string());
            if let Some(literal) = entry["get"].as_str() {
                content.gets.push((literal.to_owned(), elem.clone()));
            }
            *content.entries.entry((key, elem)).or_default() += 1;
        }
        content
    }

    /// The literal of a key, if it has one.
    pub(crate) fn literal(&mut self, kind: &str, key: i64) -> Option<String> {
        let said = self.run(&format!("{kind} literal {key}"));
        Some(said[0].as_str()?.to_owned()).filter(|literal| !literal.is_empty())
    }

    pub(crate) fn end(self) {
        self.corpus.end();
    }
}

/// The expression that names a kind of map.
pub(crate) fn expression(kind: &str) -> String {
    let (first, rest) = kind.split_at(1);
    format!("main.script{}{rest}.Map", first.to_uppercase())
}

impl Reading {
    /// The entries in the form of [`Content`].
    pub(crate) fn canonical(&self) -> BTreeMap<(String, String), usize> {
        let one = |text: &String| canonical(&serde_json::from_str(text).unwrap()).to_string();
        let mut entries = BTreeMap::new();
        for ((key, elem), times) in &self.entries {
            *entries.entry((one(key), one(elem))).or_default() += times;
        }
        entries
    }
}

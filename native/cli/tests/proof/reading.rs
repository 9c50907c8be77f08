//! A map read with the libraries, as often as a test wants.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use gomap::{Hasher, ScanOptions};
use gotarget::hasher::{Types, hasher};
use gotarget::literal::Key;
use gotarget::map::{self, Map};
use gotarget::{Limits, Target, Value, Values, expression, lookup};

/// What a scan of a map gave.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// Each entry's key and elem as JSON, and how often it was shown.
    pub(crate) entries: BTreeMap<(String, String), usize>,
    /// What the scan has found wrong.
    pub(crate) findings: Vec<String>,
}

/// No value of the corpus is larger.
const WHOLE: Limits = Limits { string: 1 << 20, items: 1 << 20, depth: 100 };

/// A map's type, known once for many readings.
pub(crate) struct Reader<'a> {
    target: Target<'a>,
    values: Values<'a>,
    types: Types<'a>,
    expression: String,
    hasher: Option<Hasher>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(target: Target<'a>, expression: &str) -> Self {
        let mut reader = Reader {
            target,
            values: Values::new(target, WHOLE),
            types: Types::new(&target),
            expression: expression.to_owned(),
            hasher: None,
        };
        reader.learn();
        reader
    }

    /// Learns the map's hash function anew, since the map may be another one.
    pub(crate) fn learn(&mut self) {
        self.hasher = hasher(&self.target, &self.map(), &self.types).ok();
    }

    /// The map that the variable holds now.
    pub(crate) fn map(&self) -> Map {
        let value = expression::map(&self.target, None, &self.expression).unwrap();
        map::open(&self.target, &value).unwrap()
    }

    fn options(&self) -> ScanOptions<'_> {
        ScanOptions {
            hasher: self.hasher.as_ref(),
            types: &self.types,
            digest: false,
            progress: None,
            nobody_inside: None,
        }
    }

    /// Reads all entries; of a process that runs, `unstopped`, with what that takes.
    pub(crate) fn read(&self, unstopped: bool) -> Reading {
        let map = self.map();
        let (key, elem) = (self.values.decoder(map.key), self.values.decoder(map.elem));
        let mut reading = Reading::default();
        let scan = map::scan(&self.target, &map, &self.options(), unstopped, &mut |entry| {
            let key = json(&self.values.decode_with(key, entry.key, None));
            let elem = json(&self.values.decode_with(elem, entry.elem, None));
            *reading.entries.entry((key, elem)).or_default() += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
        reading.findings = scan.findings.iter().map(ToString::to_string).collect();
        if scan.written_meanwhile {
            reading.findings.push("written meanwhile".to_owned());
        }
        reading
    }

    /// What a check finds wrong.
    pub(crate) fn check(&self) -> Vec<String> {
        let check = map::check(&self.target, &self.map(), &self.options(), None).unwrap();
        check.findings.iter().map(ToString::to_string).collect()
    }

    /// The elem of a key, as JSON, and why it had to be scanned for, if so.
    pub(crate) fn get(&self, key: &str) -> Result<(Option<String>, Option<String>), gotarget::Error> {
        let map = self.map();
        let key = Key::parse(&self.target, map.key, key)?;
        let found = lookup::get(&self.target, &map, &key)?;
        let elem = found.entry.map(|entry| json(&self.values.decode(map.elem, &entry.elem, None)));
        Ok((elem, found.scanned))
    }
}

fn json(value: &Value) -> String {
    let mut text = Vec::new();
    report::value::json(value, &mut text);
    String::from_utf8(text).unwrap()
}

//! Every key of every map of the corpus, looked up one by one.

use gotarget::Process;
use serde_json::json;

use crate::builds::{is_thorough, toolchains};
use crate::compare::canonical;
use crate::figures::{self, Problems};
use crate::process::Corpus;
use crate::reading::Reader;

#[test]
fn every_key_is_found_by_its_hash() {
    let mut all = Problems::default();
    for go in toolchains() {
        let corpus = Corpus::start(&go.plainly(), "");
        let process = Process::live(corpus.pid(), None).unwrap();
        let (mut gets, mut scanned, mut problems) = (0u64, 0u64, Vec::new());
        for said in corpus.said.iter().filter(|said| said["map"].is_array()) {
            let name = said["name"].as_str().unwrap();
            let reader = Reader::new(process.target(), name);
            let entries = said["map"].as_array().unwrap();
            // A slice of the larger ones.
            let step = if is_thorough() { 1 } else { (entries.len() / 100).max(1) };
            for entry in entries.iter().step_by(step) {
                let Some(key) = entry["get"].as_str() else { continue };
                gets += 1;
                let (elem, why) = match reader.get(key) {
                    Ok(found) => found,
                    Err(error) => {
                        problems.push(format!("{name}[{key}]: {error}"));
                        continue;
                    }
                };
                let elem = elem.map(|elem| canonical(&serde_json::from_str(&elem).unwrap()));
                let expected = canonical(&entry["elem"]);
                if elem.as_ref() != Some(&expected) {
                    problems.push(format!("{name}[{key}] is {elem:?}, not {expected}"));
                }
                let Some(why) = why else { continue };
                scanned += 1;
                // It is no wrong answer, but a slow one. Where most keys are NaNs, whose hashes nobody knows, the
                // hash may not be proven on the few that are tried.
                if name != "main.nans" {
                    problems.push(format!("{name}[{key}] was scanned for: {why}"));
                }
            }
        }
        figures::note(&json!({
            "proof": "keys", "go": go.name(), "gets": gets, "scanned": scanned, "wrong": problems.len(),
        }));
        all.add(&go.name(), &problems);
        assert!(gets > 5_000, "{}: {gets}", go.name());
        corpus.end();
    }
    all.settle();
}

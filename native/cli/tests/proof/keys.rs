//! Every key of every map of the corpus, looked up one by one.

use gotarget::Process;
use serde_json::json;

use crate::builds::toolchains;
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
            for entry in said["map"].as_array().unwrap() {
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
                if let Some(why) = why {
                    scanned += 1;
                    // It is no wrong answer, but a slow one: nothing in the corpus has to be scanned for.
                    problems.push(format!("{name}[{key}] was scanned for: {why}"));
                }
            }
        }
        figures::note(&json!({
            "proof": "keys", "go": go.name(), "gets": gets, "scanned": scanned, "wrong": problems.len(),
        }));
        all.add(&go.name(), &problems);
        assert!(gets > 10_000, "{}: {gets}", go.name());
        corpus.end();
    }
    all.settle();
}

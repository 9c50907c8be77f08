//! Every map, value and local of the corpus, by every way to read it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use gotarget::stack;
use serde_json::{Value, json};

use crate::builds::{Build, builds, toolchains};
use crate::compare::{canonical, differences, entries};
use crate::figures::{self, Problems};
use crate::gdb::{Gdb, gdbs};
use crate::process::Corpus;

/// No value of the corpus is as large.
const WHOLE: [&str; 6] = ["--max-string", "1000000", "--max-items", "1000000", "--depth", "64"];

/// Where the command line reads from.
pub(crate) enum Source {
    Live(i32),
    Core { core: PathBuf, exe: PathBuf },
}

impl Source {
    fn process(&self) -> gotarget::Process {
        match self {
            Source::Live(pid) => gotarget::Process::live(*pid, None),
            Source::Core { core, exe } => gotarget::Process::core(core, Some(exe)),
        }
        .unwrap()
    }

    fn words(&self) -> Vec<String> {
        match self {
            Source::Live(pid) => vec!["-p".to_owned(), pid.to_string()],
            Source::Core { core, exe } => ["--core", &text(core), "--exe", &text(exe)].map(str::to_owned).to_vec(),
        }
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// What a command has answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) lines: Vec<String>,
    /// None in gdb.
    pub(crate) status: Option<i32>,
    pub(crate) error: String,
}

impl Answer {
    /// The lines as JSON; or what it said that is none.
    fn json(&self) -> Result<Vec<Value>, String> {
        let read = |line: &String| serde_json::from_str(line).map_err(|error| format!("{error}: {line}"));
        if self.lines.is_empty() {
            return Err(format!("no answer: {}", self.error));
        }
        self.lines.iter().map(read).collect()
    }
}

/// Runs the command `redhanded`.
fn redhanded(source: &Source, words: &[&str]) -> Answer {
    let done = Command::new(env!("CARGO_BIN_EXE_redhanded"))
        .args(words)
        .args(source.words())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Answer {
        lines: String::from_utf8(done.stdout).unwrap().lines().map(str::to_owned).collect(),
        status: done.status.code(),
        error: String::from_utf8_lossy(&done.stderr).into_owned(),
    }
}

/// What was compared, and what was wrong.
#[derive(Default)]
pub(crate) struct Tally {
    maps: u64,
    entries: u64,
    values: u64,
    locals: u64,
    optimized_out: u64,
    wrong: Vec<String>,
}

impl Tally {
    fn judge(&mut self, what: &str, problem: Option<String>) {
        if let Some(problem) = problem {
            self.wrong.push(format!("{what}: {}", problem.trim_end()));
        }
    }

    /// Holds an answer of `print --json` against what the program said.
    pub(crate) fn compare(&mut self, said: &Value, answer: &Answer) {
        let name = said["name"].as_str().unwrap();
        if said.get("map").is_some() {
            self.maps += 1;
            self.entries += said["len"].as_u64().unwrap();
            self.judge(name, compare_map(said, answer));
        } else {
            self.values += 1;
            self.judge(name, compare_value(said, answer));
        }
    }

    /// Writes the figures down, and hands over what was wrong.
    fn settle(self, build: &Build, source: &str, all: &mut Problems) {
        let Tally { maps, entries, values, locals, optimized_out, wrong } = self;
        figures::note(&json!({
            "proof": "corpus", "go": build.go.name(), "build": build.how(), "source": source, "maps": maps,
            "entries": entries, "values": values, "locals": locals, "optimized_out": optimized_out,
            "wrong": wrong.len(),
        }));
        all.add(&format!("{build}, {source}"), &wrong);
        assert!(maps > 200 && entries > 50_000 && values > 100, "{build}, {source}: {maps} maps, {values} values");
    }
}

fn compare_map(said: &Value, answer: &Answer) -> Option<String> {
    let mut lines = match answer.json() {
        Ok(lines) => lines,
        Err(problem) => return Some(problem),
    };
    let end = lines.pop()?;
    let pairs = |all: &[Value]| entries(all.iter().map(|entry| (&entry["key"], &entry["elem"])));
    let expected = said["map"].as_array().cloned().unwrap_or_default();
    let differences = differences(&pairs(&expected), &pairs(&lines));
    if !differences.is_empty() {
        return Some(format!("{} entries of {}:\n{differences}    {end}", lines.len(), expected.len()));
    }
    let as_expected = end["schema"] == "redhanded.print/1"
        && end["len"] == said["len"]
        && end["entries"] == json!(expected.len())
        && end["findings"] == json!([])
        && end["written_meanwhile"] != json!(true)
        && (end["map"]["type"] == said["type"] || said["type"].is_null() || is_anonymous(said))
        && answer.status.is_none_or(|status| status == 0);
    (!as_expected).then(|| format!("status {:?}, {end}, of a {} of {}", answer.status, said["type"], said["len"]))
}

fn compare_value(said: &Value, answer: &Answer) -> Option<String> {
    let lines = match answer.json() {
        Ok(lines) => lines,
        Err(problem) => return Some(problem),
    };
    if let Some(map) = map_in(said)
        && lines.last().is_some_and(|line| line["schema"] == "redhanded.print/1")
    {
        return compare_map(&map, answer);
    }
    let [line] = lines.as_slice() else { return Some(format!("{} lines", lines.len())) };
    let (expected, found) = (canonical(&said["value"]), canonical(&line["value"]));
    if expected != found {
        let cut = |value: &Value| value.to_string().chars().take(600).collect::<String>();
        return Some(format!("\n    expected {}\n    found    {}", cut(&expected), cut(&found)));
    }
    let as_expected = line["schema"] == "redhanded.value/1"
        && (line["type"] == said["type"] || is_anonymous(said))
        && answer.status.is_none_or(|status| status == 0);
    (!as_expected).then(|| format!("status {:?}, type {}, not {}", answer.status, line["type"], said["type"]))
}

/// The map that a value is, or leads to at once: it is printed like any other.
fn map_in(said: &Value) -> Option<Value> {
    let value = &said["value"];
    let held = ["to", "value"].iter().find_map(|way| value.get(*way)).unwrap_or(value);
    let entries = ["$map", "$sync.Map"].iter().find_map(|kind| held.get(*kind))?;
    // It is named by the way that leads to it.
    Some(json!({"map": entries, "len": held["len"]}))
}

/// Whether a type has a structure without a name in it, which reflection and DWARF spell differently.
fn is_anonymous(said: &Value) -> bool {
    said["type"].as_str().unwrap().contains("struct {")
}

/// Holds everything that the program says against what the command line says.
fn compare_all(source: &Source, said: &[Value], optimized: bool) -> Tally {
    let mut tally = Tally::default();
    for said in said {
        if let Some(name) = said["name"].as_str() {
            let words = [&["print", "--json", name] as &[&str], &WHOLE].concat();
            tally.compare(said, &redhanded(source, &words));
        }
    }
    compare_locals(source, said, optimized, &mut tally);
    tally
}

/// The locals of the goroutines that wait. An optimized program may have dropped one, but then that is the answer.
fn compare_locals(source: &Source, said: &[Value], optimized: bool, tally: &mut Tally) {
    let process = source.process();
    let target = process.target();
    for said in said {
        let Some(name) = said["local"].as_str() else { continue };
        tally.locals += 1;
        let (goid, function) = (said["goid"].as_u64().unwrap(), said["function"].as_str().unwrap());
        let frames = match process.frames(goid) {
            Ok(frames) => frames,
            Err(error) => {
                tally.judge(&format!("goroutine {goid}"), Some(error.to_string()));
                continue;
            }
        };
        let is_it = |pc| stack::describe(&target, &[pc]).iter().any(|frame| frame.function == function);
        let Some(at) = frames.iter().position(|frame| is_it(frame.pc)) else {
            tally.judge(&format!("goroutine {goid}"), Some(format!("has no frame of {function}")));
            continue;
        };
        let (goid, at) = (goid.to_string(), at.to_string());
        let words = [&["print", "--json", name, "--goroutine", &goid, "--frame", &at] as &[&str], &WHOLE].concat();
        let answer = redhanded(source, &words);
        let is_gone = answer.json().is_ok_and(|lines| lines[0]["value"] == json!({"$optimized_out": true}))
            || answer.error.contains("optimized out");
        if optimized && is_gone {
            tally.optimized_out += 1;
            continue;
        }
        tally.judge(&format!("{function}'s {name}"), compare_value(said, &answer));
    }
}

#[test]
fn everything_is_read_from_a_running_process() {
    let mut all = Problems::default();
    for build in builds() {
        let corpus = Corpus::start(&build, "");
        let tally = compare_all(&Source::Live(corpus.pid()), &corpus.said, build.optimized);
        tally.settle(&build, "live", &mut all);
        corpus.end();
    }
    all.settle();
}

#[test]
fn everything_is_read_from_a_process_that_someone_has_stopped() {
    let mut all = Problems::default();
    let build = toolchains().last().unwrap().plainly();
    let mut corpus = Corpus::start(&build, "");
    corpus.stop();
    let tally = compare_all(&Source::Live(corpus.pid()), &corpus.said, build.optimized);
    tally.settle(&build, "live, stopped", &mut all);
    corpus.resume();
    corpus.end();
    all.settle();
}

#[test]
fn everything_is_read_from_a_core() {
    let mut all = Problems::default();
    let newest = builds().last().unwrap().go.name();
    for build in builds() {
        // A slice takes each Go once, all ways of the newest.
        let mut corpus = Corpus::start(&build, "");
        let exe = corpus.program.clone();
        let core = corpus.gcore(&gdbs()[0].path);
        let tally = compare_all(&Source::Core { core, exe: exe.clone() }, &corpus.said, build.optimized);
        tally.settle(&build, "core by gcore", &mut all);
        if build.go.name() != newest && !crate::builds::is_thorough() {
            continue;
        }
        match corpus.crash() {
            Some(core) => {
                compare_all(&Source::Core { core, exe }, &corpus.said, build.optimized).settle(
                    &build,
                    "core of a crash",
                    &mut all,
                );
            }
            None => eprintln!("{build}: the system keeps cores for itself (/proc/sys/kernel/core_pattern)"),
        }
    }
    all.settle();
}

/// Holds everything but the locals against what gdb says.
fn compare_in_gdb(gdb: &Gdb, corpus: &Corpus, core: Option<&Path>, build: &Build, source: &str, all: &mut Problems) {
    let said: Vec<&Value> = corpus.said.iter().filter(|said| said["name"].is_string()).collect();
    let command =
        |said: &&Value| format!("gomap print '{}' --json {}", said["name"].as_str().unwrap(), WHOLE.join(" "));
    let commands: Vec<String> = said.iter().map(command).collect();
    let mut tally = Tally::default();
    for (said, answer) in said.into_iter().zip(gdb.run(corpus, core, &commands)) {
        tally.compare(said, &answer);
    }
    tally.settle(build, &format!("{} {source}", gdb.name), all);
}

#[test]
fn everything_is_read_in_gdb() {
    let mut all = Problems::default();
    let gdbs = gdbs();
    for (number, build) in builds().into_iter().enumerate() {
        let corpus = Corpus::start(&build, "");
        for (which, gdb) in gdbs.iter().enumerate() {
            // A slice takes each build with one of them.
            if crate::builds::is_thorough() || number % gdbs.len() == which {
                compare_in_gdb(gdb, &corpus, None, &build, "live", &mut all);
                let core = corpus.gcore(&gdb.path);
                compare_in_gdb(gdb, &corpus, Some(&core), &build, "core", &mut all);
            }
        }
        corpus.end();
    }
    all.settle();
}

#[test]
fn every_map_variable_is_listed_and_nothing_is_wrong_with_any() {
    for build in toolchains().iter().map(crate::builds::Go::plainly) {
        let corpus = Corpus::start(&build, "");
        let source = Source::Live(corpus.pid());
        let answer = redhanded(&source, &["maps", "--json", "main."]);
        let mut lines = answer.json().unwrap();
        assert_eq!(
            (lines.pop().unwrap()["schema"].as_str(), answer.status),
            (Some("redhanded.maps/1"), Some(0)),
            "{build}"
        );
        let of = |name: &str| lines.iter().find(|line| line["name"] == name);
        let is_variable =
            |name: &str| name.strip_prefix("main.").is_some_and(|rest| rest.chars().all(char::is_alphanumeric));
        let mut count = 0;
        for said in corpus.said.iter().filter(|said| said.get("map").is_some()) {
            let name = said["name"].as_str().unwrap();
            if !is_variable(name) {
                continue;
            }
            count += 1;
            let line = of(name).unwrap_or_else(|| panic!("{build}: {name} is not listed"));
            assert_eq!((&line["type"], &line["len"]), (&said["type"], &said["len"]), "{build} {name}");
            assert_eq!((&line["findings"], &line["writing"]), (&json!(0), &json!(false)), "{build} {name}: {line}");
        }
        assert!(count > 50, "{build}: {count}");

        let answer = redhanded(&source, &["check", "--json"]);
        assert_eq!(answer.status, Some(0), "{build}: {answer:?}");
        for said in corpus.said.iter().filter(|said| said.get("map").is_some_and(|map| !map.is_null())) {
            let name = said["name"].as_str().unwrap();
            let answer = redhanded(&source, &["check", "--json", name]);
            assert_eq!(answer.status, Some(0), "{build} {name}: {answer:?}");
            // All keys are looked up by another test; here it is about the command.
            let Some(entry) = said["map"].as_array().unwrap().iter().find(|entry| entry["get"].is_string()) else {
                continue;
            };
            let key = entry["get"].as_str().unwrap();
            let answer = redhanded(&source, &[&["get", "--json", name, key] as &[&str], &WHOLE].concat());
            let found = &answer.json().unwrap()[0];
            assert_eq!(canonical(&found["elem"]), canonical(&entry["elem"]), "{build} {name}: {answer:?}");
            // Where most keys are NaNs, the hash may not be proven on the few that are tried.
            let by_hash = found["by_hash"] == true || name == "main.nans";
            assert!(found["found"] == true && by_hash && answer.status == Some(0), "{build} {name}: {answer:?}");
        }
        corpus.end();
    }
}

//! `watch -o`: the page and the trace.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::sample::{Sample, Watching, check_unharmed, versions};
use crate::target::{Said, redhanded};

/// The names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

fn trace(folder: &TempDir) -> Value {
    serde_json::from_slice(&fs::read(folder.path().join("trace.json")).unwrap()).unwrap()
}

fn page(folder: &TempDir) -> String {
    fs::read_to_string(folder.path().join("report.html")).unwrap()
}

/// The words that make a watch write both files.
fn files(folder: &TempDir) -> [String; 4] {
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    ["-o".to_owned(), file("report.html"), "-o".to_owned(), file("trace.json")]
}

/// Starts a watch that writes both files, and lets the goroutines go once it is armed.
fn watch(sample: &mut Sample, folder: &TempDir, words: &[&str]) -> Watching {
    let files = files(folder);
    let words: Vec<&str> = words.iter().copied().chain(files.iter().map(String::as_str)).collect();
    let mut watching = Watching::start(sample.pid(), "main.shared", &words);
    if words.contains(&"--hold") {
        watching.wait_until_armed();
    } else {
        // It says that it watches once it does. What comes behind that line is for others to read.
        let mut letter = [0];
        while letter != *b"\n" {
            watching.child.stdout.as_mut().unwrap().read_exact(&mut letter).unwrap();
        }
    }
    sample.begin();
    watching
}

#[test]
fn a_race_is_in_the_page_and_in_the_trace() {
    for version in versions() {
        for mode in [&["--hold", "5"][..], &["--record"]] {
            let mut sample = Sample::waiting(&version, "clobber");
            let folder = tempfile::tempdir().unwrap();
            let said = watch(&mut sample, &folder, &[mode, &["--for", "60"]].concat()).said();
            assert_eq!(said.status, 1, "{}{}", said.out, said.err);
            assert_eq!(names(folder.path()), ["report.html", "trace.json"]);
            let page = page(&folder);
            assert!(page.contains("<title>main.shared: data race in clobber-"), "{page}");
            for part in ["main.writerA", "main.writerB", "Two goroutines writing <code>main.shared</code>", "hash seed"]
            {
                assert!(page.contains(part), "{part}");
            }
            let trace = trace(&folder);
            let events = trace["traceEvents"].as_array().unwrap();
            let name = |event: &Value| event["args"]["name"].as_str().unwrap_or_default().to_owned();
            for culprit in ["(main.writerA)", "(main.writerB)"] {
                assert!(events.iter().any(|event| name(event).ends_with(culprit)), "{culprit} {trace}");
            }
            let ends = |end: &str| events.iter().filter(|event| event[end] == true).count();
            assert_eq!((ends("flow_out"), ends("flow_in")), (1, 1));
            let has_stack = |event: &&Value| event["args"]["stack"].as_array().is_some_and(|stack| stack.len() > 1);
            assert!(events.iter().filter(has_stack).count() > 1);
            assert_eq!(trace["otherData"]["pid"], sample.pid());
        }
    }
}

#[test]
fn without_a_race_and_after_ctrl_c_the_files_are_complete() {
    let mut sample = Sample::waiting(&versions()[0], "locked");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("trace.json"), "of another day").unwrap();
    let mut watching = watch(&mut sample, &folder, &[]);
    let mut lines = BufReader::new(watching.child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.by_ref().filter(|line| line.contains("clears")).take(3).count(), 3);
    // Until it is complete, the old one stays.
    assert_eq!(fs::read_to_string(folder.path().join("trace.json")).unwrap(), "of another day");
    watching.signal(Signal::SIGINT);
    assert!(lines.any(|line| line.starts_with("Watched for ") && line.ends_with("interrupted.")));
    assert_eq!(watching.said().status, 0);
    assert_eq!(names(folder.path()), ["report.html", "trace.json"]);
    assert!(page(&folder).contains("That is no proof that there never will be."));
    let trace = trace(&folder);
    assert_eq!(trace["otherData"]["summary"]["outcome"], "interrupted");
    let windows = trace["traceEvents"].as_array().unwrap().iter().filter(|event| event["cat"] == "window").count();
    assert!(windows >= 3, "{windows}");
    check_unharmed(sample.pid());
    sample.end_well();
}

#[test]
fn who_stops_reading_the_lines_still_gets_the_files() {
    let mut sample = Sample::waiting(&versions()[0], "locked");
    let folder = tempfile::tempdir().unwrap();
    let mut watching = watch(&mut sample, &folder, &["--count", "2000"]);
    let mut lines = BufReader::new(watching.child.stdout.take().unwrap());
    lines.read_line(&mut String::new()).unwrap();
    drop(lines);
    let said = watching.said();
    assert_eq!((said.status, said.err.as_str()), (0, ""));
    assert_eq!(trace(&folder)["otherData"]["summary"]["outcome"], "count");
    assert!(page(&folder).contains("2000 accesses by "));
    sample.end_well();
}

#[test]
fn what_cannot_be_written_is_said_before_the_watch_and_harms_no_file() {
    let sample = Sample::waiting(&versions()[0], "locked");
    let folder = tempfile::tempdir().unwrap();
    let pid = sample.pid().to_string();
    let watch = |file: &str, expression: &str| -> Said {
        redhanded(&["watch", "-p", &pid, expression, "-o", folder.path().join(file).to_str().unwrap()])
    };
    for file in ["report.txt", "report", ".html"] {
        let said = watch(file, "main.shared");
        assert_eq!((said.status, said.out.as_str()), (2, ""));
        assert!(said.err.contains(".html a page") && said.err.contains(".json a trace"), "{}", said.err);
    }
    assert!(watch("no/such/folder/report.html", "main.shared").error().contains("No such file"));
    fs::create_dir(folder.path().join("folder.html")).unwrap();
    assert!(watch("folder.html", "main.shared").error().contains("is a directory"));
    fs::write(folder.path().join("report.html"), "of another day").unwrap();
    watch("report.html", "main.sharde").error();
    assert_eq!(fs::read_to_string(folder.path().join("report.html")).unwrap(), "of another day");
    assert_eq!(names(folder.path()), ["folder.html", "report.html"]);
    check_unharmed(sample.pid());
}

/// A browser that needs no screen, if there is one.
fn browser() -> Option<&'static str> {
    let names = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];
    names.into_iter().find(|name| Command::new(name).arg("--version").output().is_ok_and(|said| said.status.success()))
}

#[test]
fn a_browser_shows_the_page_and_runs_its_script() {
    let Some(browser) = browser() else {
        eprintln!("skipped: no browser");
        return;
    };
    let mut sample = Sample::waiting(&versions()[0], "clobber");
    let folder = tempfile::tempdir().unwrap();
    let said = watch(&mut sample, &folder, &["--hold", "5", "--for", "60"]).said();
    assert_eq!(said.status, 1, "{}{}", said.out, said.err);
    let url = format!("file://{}", folder.path().join("report.html").display());
    let profile = format!("--user-data-dir={}", folder.path().join("profile").display());
    let arguments =
        ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom", &profile, &url];
    let shown = Command::new(browser).args(arguments).output().unwrap();
    let (dom, log) = (String::from_utf8_lossy(&shown.stdout), String::from_utf8_lossy(&shown.stderr));
    // What only the script makes: buttons, and the frame in the picture of the whole run.
    assert!(dom.contains("aria-label=\"zoom in\"") && dom.contains("class=\"view\""), "{dom}{log}");
    assert!(!log.contains("CONSOLE"), "{log}");
}

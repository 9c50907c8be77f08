//! `watch --record`: real races, recorded while the programs run on.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Lines, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use trap::At;
use trap::perf::Armed;

use crate::sample::{Sample, Watching, check_unharmed, versions, wait_for};
use crate::target::{Target, program, redhanded};

/// A watch that has begun.
struct Recording {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Recording {
    /// Watches, and waits until it says that it does.
    fn start(target: i32, words: &[&str]) -> Self {
        let mut command = Command::new(program());
        command.args(["watch", "-p", &target.to_string(), "main.shared"]).args(words);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        assert!(first.starts_with("Watching main.shared: map[int]int at 0x"), "{first}");
        Recording { child, lines }
    }

    /// What it said from then on, and how it ended.
    fn said(mut self) -> (i32, String) {
        let lines: Vec<String> = self.lines.by_ref().map(Result::unwrap).collect();
        let output = self.child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        (output.status.code().unwrap(), lines.join("\n"))
    }
}

/// Where in a sample something is said to happen, as a stack shows it: `/main.go:20`.
fn place(sample: &str, what: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples").join(sample).join("main.go");
    let text = fs::read_to_string(file).unwrap();
    let line = text.lines().position(|line| line.contains(what)).expect(what) + 1;
    format!("/samples/{sample}/main.go:{line} ")
}

/// How a watch ended, in JSON: its last line.
fn summary(all: &[Value]) -> &Value {
    let last = all.last().unwrap();
    assert_eq!(last["schema"], "redhanded.watch/1", "{last}");
    last
}

fn lines<'a>(all: &'a [Value], schema: &str) -> Vec<&'a Value> {
    all.iter().filter(|line| line["schema"] == schema).collect()
}

#[test]
fn both_culprits_of_each_race_are_shown_with_their_lines() {
    for version in versions() {
        for (name, culprits) in [
            ("clobber", [("main.writerA", "// writer A's write"), ("main.writerB", "// writer B's write")]),
            ("read-write", [("main.writer", "// the writer's write"), ("main.reader", "// the reader's read")]),
            ("iterate-write", [("main.writer", "// the writer's write"), ("main.iterator", "// the iterator's iter")]),
        ] {
            let mut sample = Sample::waiting_unheard(&version, name);
            let recording = Recording::start(sample.pid(), &["--for", "120"]);
            sample.begin();
            let (status, out) = recording.said();
            assert_eq!(status, 1, "{version} {name}: {out}");
            let report = out.split("WARNING: DATA RACE").nth(1).unwrap();
            for (function, what) in culprits {
                let frame = format!("  {function}()\n      ");
                let places: Vec<&str> = report.split(&frame).skip(1).collect();
                // Twice: its access, and not where its goroutine was made.
                let [at] = places[..] else { panic!("{version} {name}: {function} in {out}") };
                let at = at.lines().next().unwrap();
                assert!(at.contains(&place(name, what)), "{version} {name}: {at}");
            }
            assert!(!report.contains("unknown"), "{version} {name}: {out}");
            assert_eq!(report.matches("created at:\n  main.main()").count(), 2, "{version} {name}: {out}");
            assert!(out.ends_with("both culprits caught."), "{version} {name}: {out}");
        }
    }
}

#[test]
fn who_dies_of_a_race_is_shown() {
    for version in versions() {
        let mut sample = Sample::waiting(&version, "clobber");
        let recording = Recording::start(sample.pid(), &["--for", "120"]);
        sample.begin();
        let (_, out) = recording.said();
        // A race that the byte alone proves may be outlived: then nobody does.
        let is_dead = fs::read_to_string(format!("/proc/{}/status", sample.pid())).unwrap().contains("(zombie)");
        let dies: Vec<&str> = out.lines().filter(|line| line.contains("  dies     writing ")).collect();
        assert!(dies.len() == 1 || !is_dead, "{version}: {out}");
        assert!(dies.iter().all(|line| line.contains("  main.writer")), "{version}: {dies:?}");
    }
}

#[test]
fn correct_locking_is_never_accused_and_comes_to_no_harm() {
    for version in versions() {
        let mut sample = Sample::waiting(&version, "locked");
        let recording = Recording::start(sample.pid(), &["--for", "3"]);
        sample.begin();
        let (status, out) = recording.said();
        assert_eq!((status, out.contains("DATA RACE")), (0, false), "{version}: {out}");
        assert!(out.lines().count() > 100 && out.ends_with(", 0 overlaps; time is up."), "{version}: {out}");
        check_unharmed(sample.pid());
        sample.end_well();
    }
}

#[test]
fn each_access_tells_who_did_what_to_the_byte_and_from_where() {
    for target in [Target::start(&["3", "hammer"]), Target::start_classic(&["3", "hammer"])] {
        let said = target.redhanded(&["watch", "main.hammered", "--count", "4000", "--json"]);
        let all = said.json();
        assert_eq!((said.status, &summary(&all)["outcome"], &summary(&all)["lost"]), (0, &json!("count"), &json!(0)));
        let accesses = lines(&all, "redhanded.access/1");
        assert_eq!((accesses.len(), &summary(&all)["accesses"]), (4000, &json!(4000)));
        // It is one goroutine that does nothing else, but for a clear now and then.
        let writes = accesses.iter().filter(|line| line["kind"] == "write");
        let steps = writes.map(|line| line["step"].as_str().unwrap());
        let steps: Vec<&str> = steps.skip_while(|step| *step != "sets").collect();
        assert!(steps.chunks_exact(4).all(|write| write == ["sets", "checks", "clears", "checks"]), "{steps:?}");
        let times: Vec<u64> = accesses.iter().map(|line| line["time_ns"].as_u64().unwrap()).collect();
        assert!(times.is_sorted());
        for line in accesses {
            let (before, after) = (line["flag"]["before"].as_u64().unwrap(), line["flag"]["after"].as_u64().unwrap());
            let bit = line["flag"]["writing_bit"].as_u64().unwrap();
            let expected = match line["step"].as_str().unwrap() {
                "sets" => (false, true),
                "clears" => (true, false),
                _ => (before & bit != 0, before & bit != 0),
            };
            assert_eq!((before & bit != 0, after & bit != 0), expected, "{line}");
            assert!(line["goroutine"].is_u64() && line["thread"].is_u64(), "{line}");
            let stack = line["stack"].as_array().unwrap();
            let functions: Vec<&str> = stack.iter().map(|frame| frame["function"].as_str().unwrap()).collect();
            // Whatever of the runtime is innermost, then the one that hammers; it was made by a `go` statement.
            assert_eq!(functions.last(), Some(&"main.hammer"), "{functions:?}");
            assert!(functions[0].contains("map"), "{functions:?}");
        }
    }
}

#[test]
fn without_stacks_all_else_is_told() {
    let target = Target::start(&["3", "hammer"]);
    let said = target.redhanded(&["watch", "main.hammered", "--count", "400", "--no-stacks"]);
    assert_eq!(said.status, 0, "{}", said.err);
    assert!(said.out.contains("  sets     writing 0→1  ") && !said.out.contains("main.hammer "), "{}", said.out);
}

#[test]
fn threads_that_are_born_meanwhile_are_recorded_too() {
    for target in [Target::start(&["3", "births"]), Target::start_classic(&["3", "births"])] {
        let said = target.redhanded(&["watch", "main.hammered", "--count", "400", "--json"]);
        let all = said.json();
        let accesses = lines(&all, "redhanded.access/1");
        let threads: BTreeSet<u64> = accesses.iter().map(|line| line["thread"].as_u64().unwrap()).collect();
        // Each writes once, on a thread of its own, and that is four accesses.
        assert!(threads.len() >= 50, "{} threads", threads.len());
        let steps: Vec<&str> = accesses.iter().map(|line| line["step"].as_str().unwrap()).collect();
        let begun = steps.iter().position(|step| *step == "sets").unwrap();
        let odd = steps[begun..].chunks_exact(4).position(|write| write != ["sets", "checks", "clears", "checks"]);
        let told = |line: &&Value| format!("{} {} {}", line["time_ns"], line["thread"], line["step"]);
        assert_eq!(odd.map(|place| accesses[begun + 4 * place - 5..][..14].iter().map(told).collect::<Vec<_>>()), None);
        assert_eq!((said.status, &summary(&all)["lost"]), (0, &json!(0)));
        check_unharmed(target.pid().parse().unwrap());
    }
}

#[test]
fn it_ends_by_ctrl_c_by_time_and_with_the_process() {
    let [version] = &versions()[versions().len() - 1..] else { panic!() };
    let mut sample = Sample::waiting(version, "locked");
    sample.begin();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let recording = Recording::start(sample.pid(), &[]);
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(recording.child.id().cast_signed()), signal).unwrap();
        let (status, out) = recording.said();
        assert!(status == 0 && out.ends_with("0 overlaps; interrupted."), "{out}");
        check_unharmed(sample.pid());
    }
    let (status, out) = Recording::start(sample.pid(), &["--for", "0.05"]).said();
    assert!(status == 0 && out.ends_with("time is up."), "{out}");
    let recording = Recording::start(sample.pid(), &[]);
    sample.end_well();
    let (status, out) = recording.said();
    assert!(status == 0 && out.ends_with("the process ended."), "{out}");
}

#[test]
fn when_it_is_killed_at_any_moment_the_process_runs_on() {
    for target in [Target::start(&["3", "hammer"]), Target::start_classic(&["3", "hammer"])] {
        let pid = target.pid().parse().unwrap();
        for round in 0..8u64 {
            let watching = Watching::start(pid, "main.hammered", &[]);
            // Any moment will do: before it is armed, or in the middle of it.
            std::thread::sleep(Duration::from_micros(round * 79_193 % 300_000));
            watching.signal(Signal::SIGKILL);
            drop(watching.child.wait_with_output());
            check_unharmed(pid);
        }
        assert_eq!(target.redhanded(&["print", "main.shared", "--count"]).clean(), "3\n");
    }
}

#[test]
fn lines_that_nobody_reads_delay_nothing() {
    let target = Target::start(&["3", "hammer"]);
    let pid: i32 = target.pid().parse().unwrap();
    let mut watching = Watching::start(pid, "main.hammered", &["--count", "5000", "--json"]);
    let events = || {
        let files = fs::read_dir(format!("/proc/{}/fd", watching.child.id())).unwrap().flatten();
        files
            .filter_map(|file| fs::read_link(file.path()).ok())
            .filter(|to| to.ends_with("anon_inode:[perf_event]"))
            .count()
    };
    // It comes to its end though no line is read so far.
    wait_for("breakpoints", || events() > 0);
    wait_for("end of the breakpoints", || events() == 0);
    let mut all = String::new();
    watching.child.stdout.take().unwrap().read_to_string(&mut all).unwrap();
    let last: Value = serde_json::from_str(all.lines().last().unwrap()).unwrap();
    assert_eq!((&last["outcome"], &last["accesses"], &last["lost"]), (&json!("count"), &json!(5000), &json!(0)));
    assert_eq!((all.lines().count(), &last["unshown"]), (5001, &json!(0)));
    assert_eq!(watching.said().status, 0);
}

#[test]
fn traps_that_were_lost_are_counted_and_said_where_they_are_missing() {
    let target = Target::start(&["3", "hammer"]);
    let pid: i32 = target.pid().parse().unwrap();
    let mut watching = Watching::start(pid, "main.hammered", &["--json"]);
    let mut lines = BufReader::new(watching.child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().contains("redhanded.access/1"));
    // While it stands, the kernel's buffers fill.
    watching.signal(Signal::SIGSTOP);
    std::thread::sleep(Duration::from_secs(3));
    watching.signal(Signal::SIGCONT);
    let lost = lines.find(|line| line.contains("redhanded.lost/1")).unwrap();
    let lost = serde_json::from_str::<Value>(&lost).unwrap()["lost"].as_u64().unwrap();
    watching.signal(Signal::SIGINT);
    let last: Value = serde_json::from_str(&lines.last().unwrap()).unwrap();
    assert!(lost > 0 && last["lost"].as_u64().unwrap() >= lost, "{lost} {last}");
    assert_eq!(last["overlaps"], 0);
    assert_eq!(watching.said().status, 0);
}

#[test]
fn what_is_in_the_way_is_named() {
    let target = Target::start(&["3"]);
    let pid: i32 = target.pid().parse().unwrap();
    // At addresses that nobody touches.
    let count = |place: u64| Armed::counting(pid, &[At::Byte(0x1000 + place)]).unwrap();
    let mut others: Vec<Armed> = (0..3).map(count).collect();
    let error = target.redhanded(&["watch", "main.shared"]).error();
    assert!(error.contains("four debug registers are in use"), "{error}");
    others.pop();
    assert_eq!(target.redhanded(&["watch", "main.shared", "--for", "0.1"]).status, 0);
    drop(others);
    check_unharmed(pid);
    let error = target.redhanded(&["watch", "main.none"]).error();
    assert!(error.contains("nil"), "{error}");
    let error = target.redhanded(&["watch", "main.nothing"]).error();
    assert!(error.contains("no package variable main.nothing"), "{error}");
    let pid = target.end();
    let error = redhanded(&["watch", "-p", &pid, "main.shared"]).error();
    assert!(error.contains(&format!("no process {pid}")), "{error}");
}

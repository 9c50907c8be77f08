//! `watch --hold`: real races, caught, outlived, and let go.

use std::collections::BTreeSet;
use std::io::Read;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use trap::{At, Breakpoint, Stopped};

use crate::sample::{Sample, Watching, check_unharmed, is_traced, versions, wait_for};
use crate::target::{Said, Target, redhanded};

/// The lines of a schema.
fn lines<'a>(all: &'a [Value], schema: &str) -> Vec<&'a Value> {
    all.iter().filter(|line| line["schema"] == schema).collect()
}

/// How a watch ended, in JSON: its last line.
fn summary(all: &[Value]) -> &Value {
    let last = all.last().unwrap();
    assert_eq!(last["schema"], "redhanded.watch/1", "{last}");
    last
}

fn functions(culprit: &Value) -> BTreeSet<&str> {
    let frames = culprit["stack"].as_array().unwrap();
    frames.iter().filter_map(|frame| frame["function"].as_str()).filter(|name| name.starts_with("main.")).collect()
}

#[test]
fn both_culprits_of_each_race_are_held() {
    for version in versions() {
        for (name, kinds, culprits) in [
            ("clobber", ["write", "write"], ["main.writerA", "main.writerB"]),
            ("read-write", ["read", "write"], ["main.reader", "main.writer"]),
            ("iterate-write", ["iteration", "write"], ["main.iterator", "main.writer"]),
        ] {
            let mut sample = Sample::waiting(&version, name);
            let said = sample.watched(&["--hold", "5", "--for", "60", "--json"]).said();
            let all = said.json();
            assert_eq!(
                (said.status, &summary(&all)["outcome"]),
                (1, &json!("overlap")),
                "{version} {name}: {}",
                said.err
            );
            let races = lines(&all, "redhanded.race/1");
            let [race] = races[..] else { panic!("{version} {name}: {races:?}") };
            let both = [&race["first"], &race["second"]];
            let mut found = both.map(|culprit| culprit["kind"].as_str().unwrap());
            found.sort_unstable();
            assert_eq!(found, kinds, "{version} {name}: {race}");
            let found: BTreeSet<&str> = both.into_iter().flat_map(functions).collect();
            assert_eq!(found, culprits.into(), "{version} {name}: {race}");
            assert_ne!(race["first"]["g"], race["second"]["g"]);
            assert!(
                both.iter().all(|culprit| culprit["held"] == true && culprit["created_by"]["function"] == "main.main")
            );
        }
    }
}

#[test]
fn correct_locking_is_never_accused_and_comes_to_no_harm() {
    for version in versions() {
        let mut sample = Sample::waiting(&version, "locked");
        let said = sample.watched(&["--hold", "5", "--for", "3", "--json"]).said();
        let all = said.json();
        assert_eq!((said.status, &summary(&all)["outcome"]), (0, &json!("time")), "{}", said.err);
        assert_eq!((&summary(&all)["overlaps"], lines(&all, "redhanded.race/1").len()), (&json!(0), 0));
        assert!(
            summary(&all)["accesses"].as_u64().unwrap() > 100 && summary(&all)["held_seconds"].as_f64().unwrap() > 0.1
        );
        check_unharmed(sample.pid());
        sample.end_well();
    }
}

#[test]
fn with_rescue_the_process_outlives_its_races() {
    for version in versions() {
        let mut sample = Sample::waiting(&version, "clobber");
        let said = sample.watched(&["--hold", "5", "--for", "2", "--rescue", "--json"]).said();
        let all = said.json();
        let end = summary(&all);
        assert_eq!((said.status, &end["outcome"]), (1, &json!("time")), "{version}: {end}");
        assert!(end["overlaps"].as_u64().unwrap() > 1 && end["rescued"].as_u64().unwrap() > 1, "{version}: {end}");
        assert!(!all.iter().any(|line| line["step"] == "dies"));
        check_unharmed(sample.pid());
        // From here on it may find a race of its own.
    }
}

#[test]
fn it_ends_by_count_by_ctrl_c_and_with_the_process() {
    let [version] = &versions()[versions().len() - 1..] else { panic!() };
    let mut sample = Sample::waiting(version, "locked");
    let said = sample.watched(&["--hold", "1", "--count", "40", "--json"]).said();
    assert_eq!(said.status, 0, "{}", said.err);
    assert_eq!((&summary(&said.json())["outcome"], &summary(&said.json())["accesses"]), (&json!("count"), &json!(40)));
    check_unharmed(sample.pid());

    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let watching = Watching::start(sample.pid(), "main.shared", &["--hold", "1", "--json"]);
        watching.wait_until_armed();
        // However often it is asked.
        watching.signal(signal);
        watching.signal(signal);
        let said = watching.said();
        assert_eq!((said.status, &summary(&said.json())["outcome"]), (0, &json!("interrupted")));
        check_unharmed(sample.pid());
    }

    let watching = Watching::start(sample.pid(), "main.shared", &["--hold", "1", "--json"]);
    watching.wait_until_armed();
    sample.end_well();
    let said = watching.said();
    assert_eq!((said.status, &summary(&said.json())["outcome"]), (0, &json!("exited")), "{}", said.err);
}

#[test]
fn text_says_what_it_does_before_and_shows_each_access_and_both_stacks() {
    let mut sample = Sample::waiting(&versions()[0], "clobber");
    let Said { status, out, err } = sample.watched(&["--hold", "5", "--for", "60"]).said();
    assert_eq!((status, err.as_str()), (1, ""), "{out}");
    let mut lines = out.lines();
    let first = lines.next().unwrap();
    assert!(first.starts_with("Watching main.shared: map[int]int at 0x"), "{first}");
    for told in ["holding each thread up to 5 ms", "at most 50 % of its time", "Ctrl-C ends it", "its keeper (process "]
    {
        assert!(first.contains(told), "{first}");
    }
    assert!(lines.next().unwrap().contains("  checks   writing 0  "), "{out}");
    for told in ["WARNING: DATA RACE", "  main.writerA()", "  main.writerB()", "both culprits caught.", "--rescue"] {
        assert!(out.contains(told), "{told}: {out}");
    }
}

#[test]
fn threads_that_are_born_meanwhile_are_trapped_too() {
    for target in [Target::start(&["3", "births"]), Target::start_classic(&["3", "births"])] {
        let said = target.redhanded(&[
            "watch",
            "main.hammered",
            "--hold",
            "0",
            "--count",
            "400",
            "--max-stall",
            "100",
            "--json",
        ]);
        let all = said.json();
        let accesses = lines(&all, "redhanded.access/1");
        let threads: BTreeSet<u64> = accesses.iter().map(|line| line["thread"].as_u64().unwrap()).collect();
        // Each writes once, on a thread of its own, and that is four accesses.
        assert!(threads.len() >= 50, "{} threads", threads.len());
        let mut of_each = accesses.chunks(4).skip(1).take(80);
        assert!(of_each.all(|write| write.iter().all(|line| line["thread"] == write[0]["thread"])), "{accesses:?}");
        check_unharmed(target.pid().parse().unwrap());
        assert_eq!((said.status, &summary(&all)["outcome"]), (0, &json!("count")));
    }
}

#[test]
fn where_perf_events_are_forbidden_the_threads_own_registers_serve() {
    let mut sample = Sample::waiting(&versions()[0], "clobber");
    let watching = Watching::start_without_perf(sample.pid(), "main.shared", &["--hold", "5", "--for", "60"]);
    watching.wait_until_armed();
    sample.begin();
    let Said { status, out, err } = watching.said();
    assert_eq!((status, err.as_str()), (1, ""), "{out}");
    assert!(out.contains("killing that too ends the process, since perf events are not allowed"), "{out}");
    assert!(out.contains("WARNING: DATA RACE") && out.contains("main.writerA()"), "{out}");

    for target in [Target::start(&["3", "births"]), Target::start_classic(&["3", "births"])] {
        let pid = target.pid().parse().unwrap();
        // In bursts, so that the traps are taken away and set again.
        let words = ["--hold", "1", "--count", "400", "--max-stall", "20", "--json"];
        let said = Watching::start_without_perf(pid, "main.hammered", &words).said();
        let all = said.json();
        let threads: BTreeSet<u64> =
            lines(&all, "redhanded.access/1").iter().map(|line| line["thread"].as_u64().unwrap()).collect();
        assert!(threads.len() >= 50, "{} threads", threads.len());
        assert_eq!((said.status, &summary(&all)["outcome"]), (0, &json!("count")));
        check_unharmed(pid);
        check_kills(pid, 4, || Watching::start_without_perf(pid, "main.hammered", &["--hold", "1"]));
        assert_eq!(target.redhanded(&["print", "main.shared", "--count"]).clean(), "3\n");
    }
}

/// Kills watches of a process at some moments, and checks that their keepers let go.
fn check_kills(pid: i32, rounds: u64, start: impl Fn() -> Watching) {
    for round in 0..rounds {
        let watching = start();
        let keeper = watching.keeper();
        // Any moment will do: before it is armed, or in the middle of its traps.
        thread::sleep(Duration::from_micros(round * 79_193 % 300_000));
        watching.signal(Signal::SIGKILL);
        // Before anyone reads what it has to say: it lets go first.
        check_unharmed(pid);
        drop(watching.child.wait_with_output());
        wait_for("end of the keeper", || kill(Pid::from_raw(keeper), None).is_err());
    }
}

#[test]
fn when_it_is_killed_at_any_moment_its_keeper_lets_go() {
    for target in [Target::start(&["3", "hammer"]), Target::start_classic(&["3", "hammer"])] {
        let pid = target.pid().parse().unwrap();
        check_kills(pid, 8, || Watching::start(pid, "main.hammered", &["--hold", "1"]));
        assert_eq!(target.redhanded(&["print", "main.shared", "--count"]).clean(), "3\n");
    }
}

#[test]
fn nobody_waits_for_a_reader_that_is_slow() {
    let target = Target::start(&["3", "hammer"]);
    let words = ["--hold", "0", "--max-stall", "100", "--count", "20000", "--json"];
    let mut watching = Watching::start(target.pid().parse().unwrap(), "main.hammered", &words);
    watching.wait_until_armed();
    // Far more lines than a pipe holds, and none is read so far.
    wait_for("end of the tracing", || !is_traced(target.pid().parse().unwrap()));
    assert!(watching.child.try_wait().unwrap().is_none());
    let mut all = String::new();
    watching.child.stdout.take().unwrap().read_to_string(&mut all).unwrap();
    assert!(all.lines().count() > 20_000);
    assert_eq!(watching.said().status, 0);
}

/// The one line of an error that comes after what was announced.
#[track_caller]
fn refused(said: Said) -> String {
    assert_eq!(said.status, 2, "{}", said.err);
    assert!(said.out.lines().count() == 1 && said.err.lines().count() == 1, "{} {}", said.out, said.err);
    said.err
}

#[test]
fn what_is_in_the_way_is_named() {
    let target = Target::start(&["3"]);
    let pid: i32 = target.pid().parse().unwrap();
    let hold = ["watch", "main.shared", "--hold", "5"];

    let stopped = Stopped::new(pid).unwrap();
    let tids: Vec<i32> = stopped.threads().iter().map(|thread| thread.tid).collect();
    let error = refused(target.redhanded(&hold));
    assert!(
        error.contains("is already traced by ") && error.contains(&format!("(pid {})", std::process::id())),
        "{error}"
    );

    // At addresses that nobody touches.
    let set = |index: u64| Breakpoint::set(pid, tids.clone(), At::Byte(0x1000 + index)).unwrap();
    let all_slots: Vec<Breakpoint> = (0..4).map(set).collect();
    drop(stopped);
    // That is found before anything is announced.
    let error = target.redhanded(&hold).error();
    assert!(error.contains("four debug registers are in use"), "{error}");
    drop(all_slots);
    check_unharmed(pid);
    assert_eq!(target.redhanded(&["watch", "main.shared", "--hold", "5", "--for", "0.1"]).status, 0);

    let error = target.redhanded(&["watch", "main.none", "--hold", "5"]).error();
    assert!(error.contains("nil"), "{error}");
    let pid = target.end();
    let error = redhanded(&["watch", "-p", &pid, "main.shared", "--hold", "5"]).error();
    assert!(error.contains(&format!("no process {pid}")), "{error}");
    for (words, why) in [
        (&["--hold", "1001"][..], "0 to 1000 milliseconds"),
        (&["--hold", "-1"], "unexpected argument"),
        (&["--rescue"], "--hold"),
        (&["--max-stall", "5"], "--hold"),
        (&["--hold", "5", "--record"], "cannot be used with"),
        (&["--hold", "5", "--max-stall", "0"], "1..=100"),
    ] {
        let said = redhanded(&[&["watch", "-p", "1", "main.shared"], words].concat());
        assert!(said.status == 2 && said.err.contains(why), "{words:?}: {}", said.err);
    }
}

//! Goroutines and their stacks, as the runtime prints them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use gotarget::goroutine::{self, Goroutine};
use gotarget::stack::{self, Frame};
use gotarget::{Error, RuntimeAddr, Target};

use crate::process::Process;
use crate::toolchain::{newest, toolchains};

/// The longest that a process takes to get where it is going.
const LONGEST: Duration = Duration::from_secs(30);

/// What the runtime prints of one goroutine.
#[derive(Debug, Default)]
struct Printed {
    state: String,
    /// Innermost first.
    calls: Vec<Call>,
    created_by: Option<Call>,
    parent: Option<u64>,
}

/// One line of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Call {
    function: String,
    file: String,
    line: u32,
    /// Bytes from the function's start; of an inlined call it is not printed.
    offset: Option<u64>,
}

impl Call {
    fn of(frame: &Frame) -> Self {
        let Frame { function, file, line, offset, inlined, .. } = frame.clone();
        Call { function, file, line, offset: Some(offset).filter(|_| !inlined) }
    }

    /// `main.go:12 +0x1d`, below the function's name.
    fn parse(function: &str, place: &str) -> Self {
        let (place, offset) = match place.trim().split_once(" +0x") {
            Some((place, offset)) => (place, Some(u64::from_str_radix(offset, 16).unwrap())),
            None => (place.trim(), None),
        };
        let (file, line) = place.rsplit_once(':').unwrap();
        Call { function: function.to_owned(), file: file.to_owned(), line: line.parse().unwrap(), offset }
    }
}

/// Reads what `runtime.Stack` printed.
fn parse(stacks: &str) -> BTreeMap<u64, Printed> {
    let one = |text: &str| {
        let mut lines = text.lines();
        let first = lines.next().unwrap().strip_prefix("goroutine ").unwrap();
        let (goid, state) = first.split_once(" [").unwrap();
        let mut printed = Printed { state: state.strip_suffix("]:").unwrap().to_owned(), ..Printed::default() };
        while let Some(line) = lines.next() {
            let place = lines.next().unwrap();
            match line.strip_prefix("created by ") {
                Some(creator) => {
                    let (function, parent) = match creator.split_once(" in goroutine ") {
                        Some((function, parent)) => (function, Some(parent.parse().unwrap())),
                        None => (creator, None),
                    };
                    printed.created_by = Some(Call::parse(function, place));
                    printed.parent = parent;
                }
                None => {
                    let (function, _arguments) = line.rsplit_once('(').unwrap();
                    printed.calls.push(Call::parse(function, place));
                }
            }
        }
        (goid.parse().unwrap(), printed)
    };
    stacks.trim_end().split("\n\n").map(one).collect()
}

fn printed(process: &Process) -> BTreeMap<u64, Printed> {
    parse(process.told.iter().find_map(|told| told["stacks"].as_str()).unwrap())
}

/// Where a goroutine that no thread runs is to go on.
fn resting_stack(target: &Target<'_>, goroutine: &Goroutine) -> Vec<Frame> {
    let layout = target.program.runtime_layout().unwrap().g;
    let pc = target.pointer(goroutine.g.plus(layout.sched_pc)).unwrap();
    let sp = target.pointer(goroutine.g.plus(layout.sched_sp)).unwrap();
    stack::describe(target, &stack::walk(target, pc, sp))
}

/// What the runtime leaves out of a stack that it prints: its own functions below the program's, unless
/// their names are exported.
fn is_hidden(frame: &Frame) -> bool {
    frame.function.strip_prefix("runtime.").is_some_and(|name| !name.starts_with(|c: char| c.is_ascii_uppercase()))
}

#[test]
fn every_goroutine_is_found_in_the_state_that_the_runtime_prints() {
    for go in toolchains() {
        let process = Process::start(&go, "goroutines", &[]);
        let target = process.target();
        let all = goroutine::all(&target).unwrap();
        let by_goid: BTreeMap<u64, &Goroutine> = all.iter().map(|goroutine| (goroutine.goid, goroutine)).collect();
        assert_eq!(by_goid.len(), all.len(), "{go}: two have one number");
        for told in process.told.iter().filter(|told| told["name"].is_string()) {
            let goroutine = by_goid[&told["goid"].as_u64().unwrap()];
            assert_eq!(goroutine.state, "waiting", "{go} {told}");
            assert_eq!(goroutine.wait_reason.as_deref(), told["state"].as_str(), "{go} {told}");
            assert_eq!(goroutine.thread, None, "{go} {told}");
        }
        let printed = printed(&process);
        assert!(printed.len() >= 11, "{go}: {printed:#?}");
        for (goid, printed) in &printed {
            let goroutine = by_goid[goid];
            assert_eq!(goroutine.created_by.as_ref().map(Call::of), printed.created_by, "{go} goroutine {goid}");
            assert_eq!(goroutine.parent, printed.parent, "{go} goroutine {goid}");
            assert_eq!(goroutine::goid(&target, goroutine.g).unwrap(), *goid, "{go}");
        }
        // The runtime doesn't print its own.
        let hidden = all.iter().filter(|goroutine| !printed.contains_key(&goroutine.goid));
        let creators: BTreeSet<bool> =
            hidden.filter_map(|goroutine| Some(goroutine.created_by.as_ref()?.is_runtime())).collect();
        assert_eq!(creators, BTreeSet::from([true]), "{go}");
        process.end();
    }
}

#[test]
fn the_stack_of_a_resting_goroutine_is_the_one_that_the_runtime_prints() {
    for go in toolchains() {
        let process = Process::start(&go, "goroutines", &[]);
        let target = process.target();
        let printed = printed(&process);
        let mut compared = 0;
        for goroutine in goroutine::all(&target).unwrap() {
            let Some(printed) = printed.get(&goroutine.goid).filter(|printed| printed.state != "running") else {
                continue;
            };
            let frames = resting_stack(&target, &goroutine);
            assert_eq!(frames[0].function, "runtime.gopark", "{go} goroutine {}", goroutine.goid);
            let mut calls: Vec<Call> = frames.iter().filter(|frame| !is_hidden(frame)).map(Call::of).collect();
            if go.minor < 22 && calls.len() > printed.calls.len() {
                // There the wrapper of a `go` statement has a name like any function literal.
                let wrapper = calls.pop().unwrap();
                let creator = printed.created_by.as_ref().unwrap();
                assert_eq!((&wrapper.file, wrapper.line), (&creator.file, creator.line), "{go}");
            }
            assert_eq!(calls, printed.calls, "{go} goroutine {}", goroutine.goid);
            let at = goroutine.at.as_ref().map(Call::of);
            assert_eq!(at.as_ref(), printed.calls.first(), "{go} goroutine {}", goroutine.goid);
            compared += 1;
        }
        assert_eq!(compared, 11, "{go}");
        process.end();
    }
}

/// All goroutines, as soon as the main one reads its standard input, which it does after it has told all.
fn all_once_main_reads(target: &Target<'_>) -> Vec<Goroutine> {
    let begun = Instant::now();
    loop {
        let all = goroutine::all(target).unwrap();
        let reads = all.iter().any(|goroutine| goroutine.goid == 1 && goroutine.state == "syscall");
        if reads || begun.elapsed() > LONGEST {
            return all;
        }
        std::thread::yield_now();
    }
}

#[test]
fn the_goroutine_of_a_thread_is_found_even_where_its_register_holds_something_else() {
    for go in toolchains() {
        let process = Process::start(&go, "goroutines", &[]);
        let target = process.target();
        let all = all_once_main_reads(&target);
        let main = all.iter().find(|goroutine| goroutine.goid == 1).unwrap();
        assert_eq!(main.state, "syscall", "{go}");
        assert_eq!((&main.created_by, &main.at), (&None, &None), "{go}");
        let thread = main.thread.unwrap();
        assert!(std::fs::exists(format!("/proc/{}/task/{thread}", process.pid())).unwrap(), "{go}");
        let resting = all.iter().find(|goroutine| goroutine.thread.is_none()).unwrap();
        for register in [main.g.0, resting.g.0, 0, 0x10, u64::MAX] {
            let found = goroutine::of_thread(&target, thread, register).unwrap();
            assert_eq!(found, Some(main.g), "{go} {register:#x}");
        }
        assert_eq!(goroutine::of_thread(&target, 1, main.g.0).unwrap(), None, "{go}: no thread of the process");
        process.end();
    }
}

#[test]
fn the_stack_of_a_goroutine_is_known_while_its_thread_comes_to_it_or_leaves_it() {
    for go in toolchains() {
        let switching = Process::start(&go, "switching", &[]);
        let process = gotarget::Process::live(switching.pid().cast_signed(), None).unwrap();
        let target = process.target();
        let (mut looked, mut switched) = (0, 0);
        while looked < 500 || switched < 50 {
            let stopped = process.stop().unwrap();
            for goroutine in goroutine::all(&target).unwrap() {
                if goroutine.state != "running" || goroutine.thread.is_none() {
                    continue;
                }
                let frames: Vec<_> = process.frames(goroutine.goid).unwrap();
                let stack: Vec<_> = frames.iter().map(|frame| frame.pc).collect();
                let names: Vec<_> = stack::describe(&target, &stack).into_iter().map(|frame| frame.function).collect();
                let started = goroutine.created_by.is_some();
                assert!(!started || names.last().is_some_and(|name| name == "main.switcher"), "{go}: {names:?}");
                looked += 1;
                switched += u32::from(names.iter().any(|name| name == "gogo" || name == "runtime.mcall"));
            }
            drop(stopped);
            std::thread::sleep(Duration::from_micros(500));
        }
        switching.end();
    }
}

#[test]
fn goroutines_of_a_program_that_was_moved_when_it_was_loaded_are_found() {
    let process = Process::start(&newest(), "goroutines", &["-buildmode=pie"]);
    let target = process.target();
    let printed = printed(&process);
    let resting = |goroutine: &Goroutine| printed.get(&goroutine.goid).is_some_and(|it| it.state != "running");
    let found = goroutine::all(&target).unwrap();
    for goroutine in found.iter().filter(|goroutine| resting(goroutine)) {
        let printed = &printed[&goroutine.goid];
        assert_eq!(goroutine.wait_reason.as_ref(), Some(&printed.state));
        assert_eq!(goroutine.created_by.as_ref().map(Call::of), printed.created_by);
        let frames = resting_stack(&target, goroutine);
        let calls: Vec<Call> = frames.iter().filter(|frame| !is_hidden(frame)).map(Call::of).collect();
        assert_eq!(calls, printed.calls);
    }
    process.end();
}

#[test]
fn a_stack_that_cannot_be_read_ends_where_it_cannot() {
    let process = Process::start(&newest(), "goroutines", &[]);
    let target = process.target();
    let gopark = target.bias.to_runtime(target.program.function("runtime.gopark").unwrap().entry);
    for sp in [0, 0x10, u64::MAX - 7, u64::MAX] {
        assert_eq!(stack::walk(&target, gopark, RuntimeAddr(sp)).len(), 1, "{sp:#x}");
    }
    assert!(stack::walk(&target, RuntimeAddr(0x10), RuntimeAddr(0x10)).is_empty());
}

#[test]
fn a_goroutine_that_is_none_is_an_error() {
    let process = Process::start(&newest(), "goroutines", &[]);
    let error = goroutine::goroutine(&process.target(), RuntimeAddr(0x10)).unwrap_err();
    assert!(matches!(error, Error::Unreadable(_)), "{error}");
}

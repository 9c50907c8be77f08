//! Cores that we write ourselves, held against the process that they were made of, and read by debuggers.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use goprogram::Register;
use gotarget::{Error, Process, RuntimeAddr, WrittenCore, goroutine, write_core};
use trap::Stopped;

use crate::mortal::{Build, Mortal, calls, cat, check_memory, has_ratio};
use crate::toolchain::{newest, toolchains};

/// How long to look for a moment.
const LONGEST: Duration = Duration::from_secs(60);

/// Stops a process, writes its core, and lets it go.
fn write(mortal: &Mortal) -> (PathBuf, WrittenCore) {
    let stopped = Stopped::new(mortal.pid()).unwrap();
    let path = mortal.folder.path().join(format!("core.{}", mortal.pid()));
    let written = write_core(mortal.pid(), &tids(&stopped), &File::create(&path).unwrap(), &|_, _| true).unwrap();
    (path, written)
}

fn tids(stopped: &Stopped) -> Vec<i32> {
    stopped.threads().iter().map(|thread| thread.tid).collect()
}

#[test]
fn what_the_process_answers_its_core_answers_and_the_process_lives_on() {
    for go in toolchains() {
        for build in [Build::Plain, Build::CgoPie] {
            let context = format!("{go} {build:?}");
            let mortal = Mortal::start(&go, build);
            let live = Process::live(mortal.pid(), None).unwrap();
            let path = mortal.folder.path().join("core");
            let stopped = Stopped::new(mortal.pid()).unwrap();
            // The last thread is to be shown first.
            let tids: Vec<i32> = tids(&stopped).into_iter().rev().collect();
            let written = write_core(mortal.pid(), &tids, &File::create(&path).unwrap(), &|_, _| true).unwrap();
            assert_eq!((written.unreadable, written.first_unreadable), (0, None), "{context}");
            let goroutines = goroutine::all(&live.target()).unwrap();

            let process = Process::core(&path, None).unwrap();
            assert_eq!(process.warnings(), [] as [String; 0], "{context}");
            check_memory(&mortal, &process, &[], &context);
            let threads = process.threads().unwrap();
            assert_eq!(threads.iter().map(|thread| thread.tid.cast_signed()).collect::<Vec<_>>(), tids, "{context}");
            for (ours, live) in threads.iter().zip(stopped.threads().iter().rev()) {
                let registers = &live.registers;
                for (register, value) in [
                    (Register::Rip, registers.rip),
                    (Register::Rsp, registers.rsp),
                    (Register::R14, registers.r14),
                    (Register::Rbp, registers.rbp),
                ] {
                    assert_eq!(ours.get(register), Some(value), "{context} {register:?}");
                }
            }
            assert!(has_ratio(&mortal, &process), "{context}");
            assert_eq!(goroutine::all(&process.target()).unwrap(), goroutines, "{context}");
            assert_eq!(calls(&process, 1), ["main.listen", "main.main"], "{context}");
            for (name, innermost) in [("rests", "main.rest"), ("runs", "main.run")] {
                assert_eq!(calls(&process, mortal.goid(name)).first().unwrap(), innermost, "{context}");
            }
            drop(stopped);
            mortal.end();
        }
    }
}

#[test]
fn the_process_s_own_filter_decides_what_its_core_holds() {
    let mortal = Mortal::start(&newest(), Build::Plain);
    let mut lengths = Vec::new();
    for filter in [0x33, 0x23, 0x37, 0x2] {
        mortal.core_filter(filter);
        let (path, written) = write(&mortal);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), written.len);
        lengths.push(written.len);
        let process = Process::core(&path, None).unwrap();
        let private: &[&str] = if filter == 0x2 { &["data", "bss", "heap", "turns"] } else { &[] };
        check_memory(&mortal, &process, private, &format!("filter {filter:#x}"));
    }
    let [default, without_headers, with_files, nothing] = lengths[..] else { panic!() };
    assert!(nothing < without_headers && without_headers < default && default < with_files, "{lengths:?}");
    mortal.end();
}

#[test]
fn pages_of_zeros_take_no_place_on_the_disk() {
    let mortal = Mortal::start(&newest(), Build::Plain);
    let (path, written) = write(&mortal);
    let data = std::fs::metadata(&path).unwrap();
    // A heap of Go is mapped in pieces of 4 MiB, and this one has 512 KiB in use.
    assert!(data.blocks() * 512 < written.len / 4, "{} blocks of {}", data.blocks(), written.len);
    mortal.end();
}

#[test]
fn progress_is_told_to_the_end_and_may_ask_for_an_end() {
    let mortal = Mortal::start(&newest(), Build::Plain);
    let stopped = Stopped::new(mortal.pid()).unwrap();
    let core = || tempfile::tempfile().unwrap();
    let told = RefCell::new(Vec::new());
    let tell = |done, of| {
        told.borrow_mut().push((done, of));
        true
    };
    write_core(mortal.pid(), &tids(&stopped), &core(), &tell).unwrap();
    let told = told.into_inner();
    assert!(told.is_sorted() && told.iter().all(|(done, of)| done < of && *of == told[0].1), "{told:?}");
    let error = write_core(mortal.pid(), &tids(&stopped), &core(), &|done, of| done < of / 2).unwrap_err();
    assert!(matches!(error, Error::CoreNotWritten { .. }), "{error}");
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let error = write_core(mortal.pid(), &tids(&stopped), &full, &|_, _| true).unwrap_err();
    assert!(error.to_string().contains("No space left on device"), "{error}");
    drop(stopped);
    mortal.end();
}

#[test]
fn a_process_that_is_not_stopped_has_no_core_written() {
    let mut cat = cat();
    let pid = cat.id().cast_signed();
    let error = write_core(pid, &[pid], &tempfile::tempfile().unwrap(), &|_, _| true).unwrap_err();
    assert!(matches!(error, Error::NoProcess { .. }), "{error}");
    drop(cat.stdin.take());
    cat.wait().unwrap();
}

/// What a debugger says of a core; `None` if the debugger is not here.
fn ask(debugger: &str, words: &[&str], file: &Path, core: &Path) -> Option<String> {
    let place = |word: &&str| word.replace("FILE", file.to_str().unwrap()).replace("CORE", core.to_str().unwrap());
    let output = Command::new(debugger).args(words.iter().map(place)).env("LC_ALL", "C").output().ok()?;
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}");
    Some(text)
}

/// Stops a process while a thread of it is in this function, and says which.
fn stop_in(mortal: &Mortal, live: &Process, function: &str) -> (Stopped, i32) {
    let target = live.target();
    let begun = Instant::now();
    loop {
        let stopped = Stopped::new(mortal.pid()).unwrap();
        let function_at = |rip| target.program.function_at(target.bias.to_link(RuntimeAddr(rip)));
        let there = stopped
            .threads()
            .iter()
            .find(|thread| function_at(thread.registers.rip).is_some_and(|found| found.name == function));
        if let Some(tid) = there.map(|thread| thread.tid) {
            return (stopped, tid);
        }
        assert!(begun.elapsed() < LONGEST, "nobody is in {function}");
        drop(stopped);
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn debuggers_read_it() {
    for go in toolchains() {
        let mortal = Mortal::start(&go, Build::Plain);
        let live = Process::live(mortal.pid(), None).unwrap();
        let (stopped, running) = stop_in(&mortal, &live, "main.run");
        // It comes first.
        let mut tids = tids(&stopped);
        tids.sort_by_key(|tid| *tid != running);
        let core = mortal.folder.path().join("core");
        write_core(mortal.pid(), &tids, &File::create(&core).unwrap(), &|_, _| true).unwrap();

        let words = ["-nx", "-batch", "-ex", "info threads", "-ex", "bt", "FILE", "CORE"];
        if let Some(text) = ask("gdb", &words, &mortal.file, &core) {
            for tid in &tids {
                assert!(text.contains(&format!("LWP {tid}")), "{go}: {tid} is missing:\n{text}");
            }
            assert!(text.contains(" main.run ") && text.contains(" main.begin "), "{go}:\n{text}");
        } else {
            eprintln!("skipped: no gdb");
        }
        let lldb = std::env::var("REDHANDED_LLDB").unwrap_or("lldb".to_owned());
        let words = ["--no-lldbinit", "-b", "-o", "thread list", "-o", "bt", "FILE", "-c", "CORE"];
        if let Some(text) = ask(&lldb, &words, &mortal.file, &core) {
            assert_eq!(text.matches("tid = ").count(), tids.len(), "{go}:\n{text}");
            assert!(text.contains("`main.run") && text.contains("`main.begin"), "{go}:\n{text}");
        } else {
            eprintln!("skipped: no {lldb}");
        }
        drop(stopped);
        mortal.end();
    }
}

//! Live processes: found, refused, stopped and let go.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use gotarget::{Cause, Error, LiveMemory, Memory, Process, read_uint};

use crate::mortal::{Build, Mortal, calls, cat, check_memory, has_ratio};
use crate::toolchain::{newest, toolchains};

#[test]
fn a_live_process_is_read_by_its_number() {
    for go in toolchains() {
        for build in [Build::Plain, Build::Pie, Build::Cgo, Build::Stripped] {
            let mortal = Mortal::start(&go, build);
            let process = Process::live(mortal.pid(), None).unwrap();
            check_memory(&mortal, &process, &[], &format!("{go} {build:?}"));
            mortal.end();
        }
    }
}

#[test]
fn the_executable_may_be_deleted_or_given() {
    let mut mortal = Mortal::start(&newest(), Build::Pie);
    let copy = mortal.folder.path().join("copy");
    std::fs::copy(&mortal.file, &copy).unwrap();
    std::fs::remove_file(&mortal.file).unwrap();
    check_memory(&mortal, &Process::live(mortal.pid(), None).unwrap(), &[], "deleted");
    check_memory(&mortal, &Process::live(mortal.pid(), Some(&copy)).unwrap(), &[], "given");
    let other = Mortal::start(&newest(), Build::Plain);
    let error = Process::live(mortal.pid(), Some(&other.file)).unwrap_err();
    assert!(matches!(error, Error::WrongProgram { .. }), "{error}");
    mortal.kill();
}

#[test]
fn a_process_that_is_none_or_not_go_is_said_in_a_line() {
    let mut cat = cat();
    let pid = cat.id().cast_signed();
    let error = Process::live(pid, None).unwrap_err();
    assert!(matches!(&error, Error::NotGo { what } if what.contains("cat")), "{error}");
    cat.kill().unwrap();
    // Not yet buried: it has a number, and no memory.
    while !std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap().contains("State:\tZ") {
        std::thread::yield_now();
    }
    assert!(matches!(Process::live(pid, None).unwrap_err(), Error::NoProcess { .. }));
    cat.wait().unwrap();
    // The kernel's own, one that is gone, and numbers that no process has.
    for pid in [2, pid, 0, -1, i32::MAX] {
        let error = Process::live(pid, None).unwrap_err();
        assert!(matches!(error, Error::NoProcess { .. }), "{pid}: {error}");
    }
}

#[test]
fn a_process_that_has_ended_is_said_to_have_ended() {
    let mut mortal = Mortal::start(&newest(), Build::Plain);
    let memory = LiveMemory::of(mortal.pid()).unwrap();
    let addr = mortal.region("heap").addr;
    let pid = mortal.pid();
    mortal.kill();
    let error = memory.read(addr, &mut [0; 8]).unwrap_err();
    assert_eq!(error.cause, Cause::Ended { pid });
    let mut buf = [0; 8];
    let mut parts = [gomap::Part { addr: addr.0, buf: &mut buf, read: true }];
    memory.read_parts(&mut parts);
    assert!(!parts[0].read);
}

#[test]
fn many_parts_are_read_around_holes() {
    let mortal = Mortal::start(&newest(), Build::Plain);
    let memory = LiveMemory::of(mortal.pid()).unwrap();
    let heap = mortal.region("heap");
    // More than the kernel takes at once; some beside each other, some not, some nowhere.
    let mut wanted: Vec<(u64, usize, bool)> = Vec::new();
    for index in 0..5000usize {
        let offset = (index * 104) % (heap.bytes.len() - 200);
        wanted.push(match index % 7 {
            3 => (0x10, 8, false),
            5 => (u64::MAX - 3, 16, false),
            6 => (heap.addr.0 + offset as u64, 0, true),
            _ => (heap.addr.0 + offset as u64, if index % 2 == 0 { 104 } else { 40 }, true),
        });
    }
    // The first and the last are holes.
    wanted.insert(0, (0, 1, false));
    wanted.push((1, 1, false));
    let mut buffers: Vec<Vec<u8>> = wanted.iter().map(|(_, len, _)| vec![0; *len]).collect();
    let mut parts: Vec<gomap::Part<'_>> = buffers
        .iter_mut()
        .zip(&wanted)
        .map(|(buf, (addr, _, there))| gomap::Part { addr: *addr, buf, read: !there })
        .collect();
    memory.read_parts(&mut parts);
    for (part, (addr, len, there)) in parts.iter().zip(&wanted) {
        assert_eq!(part.read, *there, "{len} bytes at {addr:#x}");
        if *there {
            let from = (addr - heap.addr.0) as usize;
            assert_eq!(part.buf, &heap.bytes[from..from + len]);
        }
    }
    mortal.end();
}

#[test]
fn a_stopped_process_stands_and_then_runs_on() {
    for go in toolchains() {
        for build in [Build::Plain, Build::Cgo] {
            let context = format!("{go} {build:?}");
            let mortal = Mortal::start(&go, build);
            let process = Process::live(mortal.pid(), None).unwrap();
            let turns = mortal.region("turns").addr;
            let now = || read_uint(process.target().memory, turns, 8).unwrap();
            let goid = mortal.goid("runs");
            assert!(matches!(process.frames(goid), Err(Error::Running { .. })), "{context}");
            assert!(process.threads().unwrap().iter().all(|thread| !thread.is_stopped()), "{context}");
            let stopped = process.stop().unwrap();
            let standing = now();
            let threads = process.threads().unwrap();
            assert_eq!(threads.len(), std::fs::read_dir(format!("/proc/{}/task", mortal.pid())).unwrap().count());
            let runs = calls(&process, goid);
            assert!(runs.starts_with(&["main.run".to_owned(), "main.begin".to_owned()]), "{context}: {runs:?}");
            let runner = process.frames(goid).unwrap();
            assert!(runner[0].register(goprogram::Register::R14).is_some(), "{context}");
            assert!(has_ratio(&mortal, &process), "{context}");
            assert_eq!(calls(&process, 1), ["main.listen", "main.main"], "{context}");
            if build == Build::Cgo {
                assert!(calls(&process, mortal.goid("calls C")).contains(&"main.callC".to_owned()), "{context}");
            }
            assert_eq!(now(), standing, "{context}");
            drop(stopped);
            while now() == standing {
                std::thread::yield_now();
            }
            assert!(matches!(process.frames(goid), Err(Error::Running { .. })), "{context}");
            mortal.end();
        }
    }
}

#[test]
fn a_core_cannot_be_stopped() {
    let mut mortal = Mortal::start(&newest(), Build::Plain);
    let core = mortal.copy();
    mortal.kill();
    let error = Process::core(&core, None).unwrap().stop().unwrap_err();
    assert!(matches!(error, Error::NotAProcess), "{error}");
}

/// Tells a copy of this very program which process to look at.
const TARGET: &str = "GOTARGET_TEST_TARGET";

/// Not a test: tries to look at a process, and says why it can't.
#[test]
#[ignore = "what a process under test does"]
fn looks_at_another() {
    let pid = std::env::var(TARGET).unwrap().parse().unwrap();
    println!("it says: {}", Process::live(pid, None).unwrap_err());
}

#[test]
fn another_users_process_is_refused_with_a_remedy() {
    if !std::fs::metadata("/proc/self").is_ok_and(|data| data.uid() == 0) {
        eprintln!("only root can become someone else");
        return;
    }
    const NOBODY: u32 = 65534;
    let mortal = Mortal::start(&newest(), Build::Plain);
    let answer = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "stops::looks_at_another"])
        .env(TARGET, mortal.pid().to_string())
        .current_dir("/")
        .uid(NOBODY)
        .gid(NOBODY)
        .output();
    match answer {
        Err(error) => eprintln!("nobody else can run this program: {error}"),
        Ok(answer) => {
            let text = String::from_utf8_lossy(&answer.stdout);
            let said = text.lines().find_map(|line| line.split_once("it says: ")).expect("an answer").1;
            assert!(said.contains("it belongs to user root (uid 0), and you are uid 65534"), "{said}");
        }
    }
    mortal.end();
}

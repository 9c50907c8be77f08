//! Cores of the kernel and of gcore, whole and lacking, with their executables here, elsewhere or gone.

use std::path::{Path, PathBuf};

use gotarget::{Cause, Error, Process, RuntimeAddr, expression, goroutine, map};

use crate::mortal::{Build, Mortal, calls, cat, check_memory, cut, has_ratio};
use crate::toolchain::{newest, toolchains};

/// What the kernel leaves out of cores by default: all that is mapped from a file, but for the first page
/// of each. (proc_pid_coredump_filter(5))
const DEFAULT: u32 = 0x33;
const WITHOUT_FIRST_PAGES: u32 = 0x23;
const WITH_FILES: u32 = 0x3f;
/// Only shared memory: none of Go's.
const NOTHING_OF_GO: u32 = 0x2;

fn check(mortal: &Mortal, core: &Path, exe: Option<&Path>, context: &str) -> Process {
    let process = Process::core(core, exe).unwrap_or_else(|error| panic!("{context}: {error}"));
    check_memory(mortal, &process, &[], context);
    if process.target().program.has_dwarf() {
        let target = process.target();
        let names = map::facts(&target, expression::map(&target, None, "main.names").unwrap()).unwrap();
        assert_eq!(names.facts.header.len(), 2, "{context}");
    }
    process
}

/// The functions of the main package that a goroutine's last words name.
fn printed(words: &str, goid: u64) -> Vec<String> {
    let head = format!("goroutine {goid} ");
    let (_, text) = words.split_once(&head).unwrap();
    let text = text.split("\n\n").next().unwrap();
    let name = |line: &str| line.strip_prefix("main.").map(|rest| format!("main.{}", rest.rsplit_once('(').unwrap().0));
    text.lines().filter_map(name).collect()
}

#[test]
fn a_core_of_gotraceback_crash_holds_memory_and_stacks() {
    for go in toolchains() {
        for build in [Build::Plain, Build::Cgo, Build::CgoPie] {
            let context = format!("{go} {build:?}");
            let mut mortal = Mortal::start(&go, build);
            let Some((words, core)) = mortal.die() else { return };
            let process = check(&mortal, &core, None, &context);
            assert_eq!(process.warnings(), [] as [String; 0], "{context}");
            let main = calls(&process, 1);
            assert_eq!(main, ["main.die", "main.listen", "main.main"], "{context}");
            assert_eq!(printed(&words, 1), main, "{context}");
            for name in ["rests", "calls C"] {
                let found = calls(&process, mortal.goid(name));
                assert!(found.len() >= 2, "{context} {name}: {found:?}");
                assert!(printed(&words, mortal.goid(name)).starts_with(&found), "{context} {name}: {found:?}\n{words}");
            }
            let runs = calls(&process, mortal.goid("runs"));
            assert!(runs.starts_with(&["main.run".to_owned(), "main.begin".to_owned()]), "{context}: {runs:?}");
            let target = process.target();
            let all = goroutine::all(&target).unwrap();
            let main = all.iter().find(|goroutine| goroutine.goid == 1).unwrap();
            let threads = process.threads().unwrap();
            // Each thread was in a signal handler at the end: it is shown where the signal came.
            let main_thread = threads.iter().find(|thread| Some(thread.tid) == main.thread).unwrap();
            let main_thread =
                gotarget::threads::thread(&target, main_thread.tid, &|register| main_thread.get(register)).unwrap();
            assert_eq!(
                (main_thread.goid, main_thread.at.unwrap().function),
                (Some(1), "main.die".to_owned()),
                "{context}"
            );
            assert!(threads.iter().any(|thread| Some(thread.tid) == main.thread), "{context}");
            assert!(threads.iter().all(gotarget::ThreadRegisters::is_stopped), "{context}");
        }
    }
}

#[test]
fn a_core_of_gcore_holds_memory_and_stacks_and_the_process_lives_on() {
    for go in toolchains() {
        for build in [Build::Pie, Build::Cgo] {
            let context = format!("{go} {build:?}");
            let mortal = Mortal::start(&go, build);
            let core = mortal.copy();
            let process = check(&mortal, &core, None, &context);
            for (name, innermost) in [("rests", "main.rest"), ("runs", "main.run")] {
                let found = calls(&process, mortal.goid(name));
                assert_eq!(found.first().unwrap(), innermost, "{context}");
            }
            assert_eq!(calls(&process, 1), ["main.listen", "main.main"], "{context}");
            assert!(has_ratio(&mortal, &process), "{context}");
            mortal.end();
        }
    }
}

#[test]
fn what_a_core_leaves_out_comes_from_the_executable() {
    for (filter, build) in [
        (DEFAULT, Build::Pie),
        (WITHOUT_FIRST_PAGES, Build::Plain),
        (WITHOUT_FIRST_PAGES, Build::CgoPie),
        (WITH_FILES, Build::Cgo),
    ] {
        let context = format!("filter {filter:#x} {build:?}");
        let mut mortal = Mortal::start(&newest(), build);
        mortal.core_filter(filter);
        let Some((_, core)) = mortal.die() else { return };
        let process = check(&mortal, &core, None, &context);
        assert_eq!(process.warnings(), [] as [String; 0], "{context}");
    }
}

#[test]
fn another_executable_is_noticed_by_its_data_where_a_core_has_no_code_at_all() {
    let mut mortal = Mortal::start(&newest(), Build::Plain);
    mortal.core_filter(WITHOUT_FIRST_PAGES);
    let Some((_, core)) = mortal.die() else { return };
    let another = Mortal::start(&toolchains()[0], Build::Plain);
    let error = Process::core(&core, Some(&another.file)).unwrap_err();
    assert!(matches!(&error, Error::WrongProgram { path } if *path == another.file), "{error}");
}

#[test]
fn what_the_process_could_write_to_is_never_taken_from_the_executable() {
    let mut mortal = Mortal::start(&newest(), Build::Plain);
    mortal.core_filter(NOTHING_OF_GO);
    let Some((_, core)) = mortal.die() else { return };
    let process = Process::core(&core, None).unwrap();
    let region = mortal.region("data");
    let error = process.target().memory.read(region.addr, &mut vec![0; region.bytes.len()]).unwrap_err();
    assert_eq!(error.cause, Cause::NotInCore, "{error}");
    check_memory(&mortal, &process, &["data", "bss", "heap", "turns"], "what nobody writes to");
}

#[test]
fn the_executable_may_have_moved_but_not_be_missing_or_another() {
    let mut mortal = Mortal::start(&newest(), Build::Plain);
    let Some((_, core)) = mortal.die() else { return };
    let moved = mortal.folder.path().join("moved");
    std::fs::rename(&mortal.file, &moved).unwrap();
    let error = Process::core(&core, None).unwrap_err();
    assert!(matches!(&error, Error::ExecutableMissing { name } if *name == mortal.file.to_str().unwrap()), "{error}");
    assert!(error.to_string().contains("--exe") && !error.to_string().contains('\n'), "{error}");
    check(&mortal, &core, Some(&moved), "moved");

    // The same source with other options is another program, also without symbols.
    for (other, build) in [("other", Build::Pie), ("stripped", Build::Stripped)] {
        let another = Mortal::start(&newest(), build);
        let file = mortal.folder.path().join(other);
        std::fs::copy(&another.file, &file).unwrap();
        let error = Process::core(&core, Some(&file)).unwrap_err();
        assert!(matches!(&error, Error::WrongProgram { path } if *path == file), "{other}: {error}");
    }
    let error = Process::core(&core, Some(Path::new("/usr/bin/env"))).unwrap_err();
    assert!(matches!(&error, Error::NotGo { .. }), "{error}");
    let error = Process::core(&core, Some(Path::new("/nowhere"))).unwrap_err();
    assert!(matches!(&error, Error::Program(goprogram::Error::Io { .. })), "{error}");
}

#[test]
fn a_core_that_is_cut_off_says_so_and_serves_what_is_there() {
    let mut mortal = Mortal::start(&newest(), Build::Plain);
    let Some((_, core)) = mortal.die() else { return };
    let whole = std::fs::metadata(&core).unwrap().len();
    let mut served = 0;
    for parts in 1..16 {
        let short = cut(&core, whole * parts / 16);
        match Process::core(&short, None) {
            Ok(process) => {
                assert!(process.warnings()[0].contains("is cut off"), "{:?}", process.warnings());
                let region = mortal.region("heap");
                let mut bytes = vec![0; region.bytes.len()];
                match process.target().memory.read(region.addr, &mut bytes) {
                    Ok(()) => assert_eq!(bytes, region.bytes),
                    Err(error) => assert_eq!(error.cause, Cause::CutOff, "{error}"),
                }
                check_memory(&mortal, &process, &["data", "bss", "heap", "turns"], "cut off");
                served += 1;
            }
            Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
        }
    }
    assert!(served > 10, "{served}");
    for len in [1, 3, 16, 63, 64, 100, 1000, 4096, 10_000] {
        let error = Process::core(&cut(&core, len), None);
        assert!(
            error.as_ref().is_err_and(|error| !error.to_string().contains('\n')) || len >= 4096,
            "{len}: {error:?}"
        );
    }
}

#[test]
fn what_is_no_core_is_said_in_a_line() {
    let mut mortal = Mortal::start(&newest(), Build::Plain);
    let core = mortal.copy();
    let file = |name: &str, bytes: &[u8]| {
        let path: PathBuf = mortal.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let mut arm = std::fs::read(&core).unwrap()[..8192].to_vec();
    // e_machine of arm64.
    arm[18..20].copy_from_slice(&183u16.to_le_bytes());
    for (path, says) in [
        (file("empty", b""), "it is empty"),
        (file("text", b"hello"), "it is no ELF file"),
        (file("zstd", b"\x28\xb5\x2f\xfdxxxx"), "zstd -d"),
        (file("arm", &arm), "arm64"),
        (mortal.file.clone(), "it is an executable"),
        (mortal.folder.path().to_owned(), "no regular file"),
        (PathBuf::from("/nowhere/core"), "No such file"),
    ] {
        let error = Process::core(&path, None).unwrap_err();
        assert!(matches!(&error, Error::NotACore { .. } | Error::OtherMachine { .. }), "{path:?}: {error:?}");
        assert!(error.to_string().contains(says) && !error.to_string().contains('\n'), "{path:?}: {error}");
    }
    mortal.kill();
}

#[test]
fn a_core_of_a_program_that_is_not_go_is_said_in_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = cat();
    let prefix = folder.path().join("core");
    let pid = child.id().to_string();
    let done = std::process::Command::new("gcore").arg("-o").arg(&prefix).arg(&pid).output().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let error = Process::core(&prefix.with_extension(&pid), None).unwrap_err();
    assert!(matches!(&error, Error::NotGo { what } if what.contains("cat")), "{error}");
}

#[test]
fn bytes_outside_of_all_segments_are_not_in_the_core() {
    let mut mortal = Mortal::start(&newest(), Build::Plain);
    let core = mortal.copy();
    let process = Process::core(&core, None).unwrap();
    for addr in [0, 0x10, u64::MAX - 7, u64::MAX] {
        let error = process.target().memory.read(RuntimeAddr(addr), &mut [0; 16]).unwrap_err();
        assert_eq!(error.cause, Cause::NotInCore, "{addr:#x}");
    }
    mortal.kill();
}

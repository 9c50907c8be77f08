//! On a terminal, in a pipe that is closed early, and with Ctrl-C.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::target::{Target, program};

/// Runs redhanded with what `on` chooses on a terminal, and gives what the terminal got.
fn on_terminal(target: &Target, words: &[&str], on: impl Fn(&mut Command, &dyn Fn() -> Stdio)) -> String {
    let terminal = openpty(None, None).unwrap();
    let mut command = Command::new(program());
    command.args(target.with_pid(words)).env("TERM", "xterm").env_remove("NO_COLOR").stdin(Stdio::null());
    on(&mut command, &|| Stdio::from(terminal.slave.try_clone().unwrap()));
    let mut child = command.spawn().unwrap();
    // The reader sees the end once no one has the other side.
    drop(command);
    drop(terminal.slave);
    let mut got = Vec::new();
    // Linux ends a terminal's reader with EIO.
    let _ = File::from(terminal.master).read_to_end(&mut got);
    child.wait().unwrap();
    String::from_utf8_lossy(&got).into_owned()
}

#[test]
fn there_is_colour_only_on_a_terminal_and_only_if_it_is_wanted() {
    let target = Target::start(&["3"]);
    let words = ["print", "main.users"];
    let coloured = |got: &str| got.contains('\x1b');
    let plain = |command: &mut Command, slave: &dyn Fn() -> Stdio| {
        command.stdout(slave());
    };
    assert!(coloured(&on_terminal(&target, &words, plain)));
    let never = ["print", "main.users", "--color", "never"];
    assert!(!coloured(&on_terminal(&target, &never, plain)));
    let no_color = |command: &mut Command, slave: &dyn Fn() -> Stdio| {
        command.stdout(slave()).env("NO_COLOR", "1");
    };
    assert!(!coloured(&on_terminal(&target, &words, no_color)));
    let dumb = |command: &mut Command, slave: &dyn Fn() -> Stdio| {
        command.stdout(slave()).env("TERM", "dumb");
    };
    assert!(!coloured(&on_terminal(&target, &words, dumb)));
    assert!(!coloured(&target.redhanded(&words).out));
    assert!(coloured(&target.redhanded(&["print", "main.users", "--color", "always"]).out));
}

#[test]
fn progress_is_shown_on_a_terminal_and_only_for_long_work() {
    let short = Target::start(&["3"]);
    let words = ["print", "main.shared", "--json"];
    // Whoever takes the output makes the work long.
    let on_stderr = |command: &mut Command, slave: &dyn Fn() -> Stdio| {
        let (mut reader, writer) = std::io::pipe().unwrap();
        command.stdout(writer).stderr(slave());
        thread::spawn(move || {
            thread::sleep(Duration::from_secs(1));
            std::io::copy(&mut reader, &mut std::io::sink()).unwrap();
        });
    };
    assert_eq!(on_terminal(&short, &words, on_stderr), "");
    let long = Target::start(&["3000000"]);
    assert_eq!(long.redhanded(&["print", "main.shared", "--count"]).err, "");
    let got = on_terminal(&long, &words, on_stderr);
    assert!(got.contains("of 3,000,000 entries"), "{got}");
}

#[test]
fn whoever_closes_the_pipe_early_gets_no_error() {
    let target = Target::start(&["300000"]);
    for words in
        [&["print", "main.shared"][..], &["print", "main.shared", "--json"], &["print", "main.shared", "--stop"]]
    {
        let mut command = Command::new(program());
        let mut child =
            command.args(target.with_pid(words)).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        BufReader::with_capacity(64, child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        assert!(!first.is_empty());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()), "{words:?}");
    }
}

#[test]
fn ctrl_c_ends_it_with_what_was_printed_so_far_and_a_note() {
    let target = Target::start(&["2000000"]);
    let mut command = Command::new(program());
    let mut child = command.args(target.with_pid(&["print", "main.shared"])).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    // Something has come: so it listens, and now waits for the pipe to be read.
    lines.read_line(&mut line).unwrap();
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    let mut count = 0;
    let mut last = String::new();
    for line in lines.lines() {
        count += 1;
        last = line.unwrap();
    }
    assert!(count < 2_000_000, "{last}");
    assert!(last.starts_with("INTERRUPTED: after "), "{last}");
    let status: ExitStatus = child.wait().unwrap();
    assert_eq!(status.code(), Some(1));
}

#[test]
fn a_full_disk_is_an_error() {
    let target = Target::start(&["1000"]);
    let mut command = Command::new(program());
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = command.args(target.with_pid(&["print", "main.shared"])).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("redhanded: cannot write the output: "));
}

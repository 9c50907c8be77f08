//! Job control: Ctrl-Z stops program and redhanded, and a shell lets both go on.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use nix::pty::openpty;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use super::{child_of, ends, first_line};
use crate::sample::{build, versions, wait_for};
use crate::target::program;

/// The state of a process's first thread, as /proc has it.
fn state(pid: i32) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().and_then(|rest| rest.chars().next()).unwrap_or('?')
}

#[test]
fn ctrl_z_stops_both_and_both_go_on() {
    let version = versions().pop().unwrap();
    let terminal = openpty(None, None).unwrap();
    let slave = || Stdio::from(terminal.slave.try_clone().unwrap());
    // As a job of its own, of a shell that waits for it.
    let mut command = Command::new("setsid");
    command.args([
        "--ctty",
        "bash",
        "-c",
        "set -m; \"$0\" stakeout -- \"$1\" -hurry 50 -for 60s; echo \"it was $?\"; read; fg; echo \"then $?\"",
    ]);
    command.arg(program()).arg(build(&version, "locked")).stdin(slave()).stdout(slave()).stderr(slave());
    let mut shell = command.spawn().unwrap();
    drop(command);
    let slave_kept = terminal.slave;
    let mut keyboard = File::from(terminal.master.try_clone().unwrap());
    let mut screen = BufReader::new(File::from(terminal.master));
    let mut wait_for_line = |wanted: &str| {
        let mut line = String::new();
        while !line.contains(wanted) {
            line.clear();
            assert!(screen.read_line(&mut line).unwrap() > 0, "no {wanted}");
        }
    };
    wait_for_line("ready ");
    let redhanded = child_of(&shell);
    keyboard.write_all(b"\x1a").unwrap();
    wait_for_line("it was ");
    assert_eq!(state(redhanded), 'T');
    keyboard.write_all(b"\n").unwrap();
    // The shell lets it go on, and Ctrl-C reaches it.
    wait_for("its going on", || state(redhanded) != 'T');
    keyboard.write_all(b"\x03").unwrap();
    wait_for_line("count 64");
    wait_for_line("then 0");
    assert!(shell.wait().unwrap().success());
    drop(slave_kept);
    let _ = killpg(Pid::from_raw(redhanded), Signal::SIGKILL);
}

#[test]
fn ctrl_z_gives_the_terminal_back_while_a_program_is_held() {
    let version = versions().pop().unwrap();
    let sample = build(&version, "clobber");
    // Whoever reads the signal may be one of two threads: once is not enough.
    for _ in 0..5 {
        let terminal = openpty(None, None).unwrap();
        let slave = || Stdio::from(terminal.slave.try_clone().unwrap());
        let mut command = Command::new("setsid");
        command.args([
            "--ctty",
            "bash",
            "-c",
            "set -m; \"$0\" stakeout --wait 0 --then hold -- \"$1\" -hurry 250; echo \"it was $?\"; fg; echo \"then $?\"",
        ]);
        command.arg(program()).arg(&sample).stdin(slave()).stdout(slave()).stderr(slave());
        let mut shell = command.spawn().unwrap();
        drop(command);
        let slave_kept = terminal.slave;
        let mut keyboard = File::from(terminal.master.try_clone().unwrap());
        let mut screen = BufReader::new(File::from(terminal.master));
        let mut wait_for_line = |wanted: &str| {
            let mut line = String::new();
            while !line.contains(wanted) {
                line.clear();
                assert!(screen.read_line(&mut line).unwrap() > 0, "no {wanted}");
            }
        };
        wait_for_line("is stopped just before its end");
        keyboard.write_all(b"\x1a").unwrap();
        wait_for_line(&format!("it was {}", 128 + Signal::SIGSTOP as i32));
        // The shell lets the whole job go on, and so the program ends.
        wait_for_line("fatal error: concurrent map writes");
        wait_for_line("then 2");
        assert!(shell.wait().unwrap().success());
        drop(slave_kept);
    }
}

#[test]
fn ctrl_c_comes_once() {
    let version = versions().pop().unwrap();
    let terminal = openpty(None, None).unwrap();
    let slave = || Stdio::from(terminal.slave.try_clone().unwrap());
    let mut command = Command::new("setsid");
    command.arg("--ctty").arg(program()).args(["stakeout", "--"]).arg(ends(&version)).arg("signals");
    let mut redhanded = command.stdin(slave()).stdout(slave()).stderr(slave()).spawn().unwrap();
    drop(command);
    let mut keyboard = File::from(terminal.master.try_clone().unwrap());
    let mut screen = File::from(terminal.master);
    assert_eq!(first_line(&mut screen), "ready\r");
    keyboard.write_all(b"\x03").unwrap();
    assert_eq!(first_line(&mut screen), "^Cinterrupt\r");
    // If it were passed on as well, it would be before this.
    kill(Pid::from_raw(redhanded.id().cast_signed()), Signal::SIGTERM).unwrap();
    assert_eq!(first_line(&mut screen), "terminated\r");
    assert!(redhanded.wait().unwrap().success());
    drop(terminal.slave);
}

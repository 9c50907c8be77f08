//! Job control: Ctrl-Z stops program and redhanded, and a shell lets both go on.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};

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

/// A shell with a terminal of its own, in which redhanded is a job.
struct Terminal {
    shell: Child,
    keyboard: File,
    screen: BufReader<File>,
    /// The terminal is gone once nobody has this end of it.
    _slave: OwnedFd,
}

impl Terminal {
    /// Runs a script, in which `$0` is redhanded and `$1` a sample.
    fn run(script: &str, sample: &Path) -> Self {
        let terminal = openpty(None, None).unwrap();
        let slave = || Stdio::from(terminal.slave.try_clone().unwrap());
        let mut command = Command::new("setsid");
        command.args(["--ctty", "bash", "-c", script]).arg(program()).arg(sample);
        let shell = command.stdin(slave()).stdout(slave()).stderr(slave()).spawn().unwrap();
        let keyboard = File::from(terminal.master.try_clone().unwrap());
        let screen = BufReader::new(File::from(terminal.master));
        Terminal { shell, keyboard, screen, _slave: terminal.slave }
    }

    fn wait_for_line(&mut self, wanted: &str) {
        let mut line = String::new();
        while !line.contains(wanted) {
            line.clear();
            assert!(self.screen.read_line(&mut line).unwrap() > 0, "no {wanted}");
        }
    }

    fn press(&mut self, keys: &[u8]) {
        self.keyboard.write_all(keys).unwrap();
    }
}

#[test]
fn ctrl_z_stops_both_and_both_go_on() {
    let version = versions().pop().unwrap();
    let script = "set -m; \"$0\" stakeout -- \"$1\" -hurry 50 -for 60s; echo \"it was $?\"; read; fg; echo \"then $?\"";
    let mut terminal = Terminal::run(script, &build(&version, "locked"));
    terminal.wait_for_line("ready ");
    let redhanded = child_of(&terminal.shell);
    terminal.press(b"\x1a");
    terminal.wait_for_line("it was ");
    assert_eq!(state(redhanded), 'T');
    terminal.press(b"\n");
    // The shell lets it go on, and Ctrl-C reaches it.
    wait_for("its going on", || state(redhanded) != 'T');
    terminal.press(b"\x03");
    terminal.wait_for_line("count 64");
    terminal.wait_for_line("then 0");
    assert!(terminal.shell.wait().unwrap().success());
    let _ = killpg(Pid::from_raw(redhanded), Signal::SIGKILL);
}

#[test]
fn ctrl_z_gives_the_terminal_back_while_a_program_is_held() {
    let version = versions().pop().unwrap();
    let sample = build(&version, "clobber");
    let script =
        "set -m; \"$0\" stakeout --wait 0 --then hold -- \"$1\" -hurry 250; echo \"it was $?\"; fg; echo \"then $?\"";
    // Whoever reads the signal may be one of two threads: once is not enough.
    for _ in 0..5 {
        let mut terminal = Terminal::run(script, &sample);
        terminal.wait_for_line("is stopped just before its end");
        terminal.press(b"\x1a");
        terminal.wait_for_line(&format!("it was {}", 128 + Signal::SIGSTOP as i32));
        // The shell lets the whole job go on, and so the program ends.
        terminal.wait_for_line("fatal error: concurrent map writes");
        terminal.wait_for_line("then 2");
        assert!(terminal.shell.wait().unwrap().success());
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

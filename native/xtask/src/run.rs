//! Child processes that can't be lost: each in a group of its own, killed as a group when its owner lets go.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use crate::guard;

/// How often a wait that has a limit looks.
const GLANCE: Duration = Duration::from_millis(10);

/// A child and whatever it starts.
pub(crate) struct Tended {
    child: Child,
    name: String,
    status: Option<ExitStatus>,
}

impl Tended {
    /// Starts the command in a process group of its own.
    pub(crate) fn spawn(command: &mut Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.process_group(0).spawn().with_context(|| format!("can't start {name}"))?;
        let tended = Tended { child, name, status: None };
        guard::watch(tended.pid())?;
        Ok(tended)
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    pub(crate) fn stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// The lines of its piped output and error output, as they come; the channel closes when both have ended.
    pub(crate) fn lines(&mut self) -> Receiver<Line> {
        let (sender, receiver) = mpsc::channel();
        if let Some(stdout) = self.child.stdout.take() {
            forward(stdout, sender.clone(), Line::Out);
        }
        if let Some(stderr) = self.child.stderr.take() {
            forward(stderr, sender, Line::Err);
        }
        receiver
    }

    /// Hands over each line of its output, and waits for its end. What it leaves of its group is killed: else that
    /// would hold the output open.
    pub(crate) fn follow(mut self, mut each: impl FnMut(Line)) -> Result<ExitStatus> {
        let lines = self.lines();
        loop {
            match lines.recv_timeout(GLANCE) {
                Ok(line) => each(line),
                Err(mpsc::RecvTimeoutError::Timeout) if self.is_running()? => {}
                Err(_) => break,
            }
        }
        let status = self.wait()?;
        lines.iter().for_each(each);
        Ok(status)
    }

    /// Waits for its end, and kills what it left of its group.
    pub(crate) fn wait(&mut self) -> Result<ExitStatus> {
        waitid(Id::Pid(self.pid()), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT)?;
        self.bury()
    }

    /// Like `wait`, but gives up after the limit and leaves it running.
    pub(crate) fn wait_for(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let end = Instant::now() + limit;
        loop {
            if !self.is_running()? {
                return self.bury().map(Some);
            }
            if Instant::now() >= end {
                return Ok(None);
            }
            thread::sleep(GLANCE);
        }
    }

    pub(crate) fn is_running(&self) -> Result<bool> {
        Ok(self.status.is_none() && self.end()?.is_none())
    }

    /// How it has ended, if it has. What it leaves of its group goes on.
    pub(crate) fn end(&self) -> Result<Option<WaitStatus>> {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
        Ok(Some(waitid(Id::Pid(self.pid()), flags)?).filter(|status| *status != WaitStatus::StillAlive))
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        if self.is_running()? {
            kill(self.pid(), signal).with_context(|| format!("can't signal {}", self.name))?;
        }
        Ok(())
    }

    /// Kills the group while its number is still the child's (running, or ended and not waited for), and reaps the child.
    fn bury(&mut self) -> Result<ExitStatus> {
        if let Some(status) = self.status {
            return Ok(status);
        }
        // A group that is gone already is what we want.
        let _ = killpg(self.pid(), Signal::SIGKILL);
        guard::forget(self.pid())?;
        let status = self.child.wait()?;
        self.status = Some(status);
        Ok(status)
    }
}

impl Drop for Tended {
    fn drop(&mut self) {
        if let Err(error) = self.bury() {
            eprintln!("xtask: {} (pid {}) may still run: {error:#}", self.name, self.pid());
        }
    }
}

/// A line of a child's output.
pub(crate) enum Line {
    Out(String),
    Err(String),
}

fn forward(source: impl Read + Send + 'static, lines: Sender<Line>, kind: fn(String) -> Line) {
    thread::spawn(move || {
        let mut source = BufReader::new(source);
        let mut bytes = Vec::new();
        while source.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
            let line = String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']).to_owned();
            bytes.clear();
            if lines.send(kind(line)).is_err() {
                break;
            }
        }
    });
}

/// Runs a command whose output is for the user, on stderr: stdout is for the chore's result.
pub(crate) fn visibly(command: &mut Command) -> Result<()> {
    let name = describe(command);
    let status = Tended::spawn(command.stdin(Stdio::null()).stdout(std::io::stderr()))?.wait()?;
    if !status.success() {
        bail!("{name}: {status}");
    }
    Ok(())
}

/// Runs a command and returns what it printed; an error has the last line it printed on stderr.
pub(crate) fn quietly(command: &mut Command, limit: Duration) -> Result<String> {
    let name = describe(command);
    let mut child = Tended::spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let (mut out, mut last) = (String::new(), String::new());
    let lines = child.lines();
    let end = Instant::now() + limit;
    loop {
        match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(Line::Out(line)) => out.extend([line.as_str(), "\n"]),
            Ok(Line::Err(line)) if line.trim().is_empty() => {}
            Ok(Line::Err(line)) => last = line,
            Err(mpsc::RecvTimeoutError::Timeout) => bail!("{name}: no answer in {} s", limit.as_secs()),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("{name}: {}", if last.is_empty() { status.to_string() } else { last });
    }
    Ok(out)
}

/// The command as a user would type it.
fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn letting_go_of_a_child_kills_it_and_its_children() {
        let mut child = Tended::spawn(shell("sleep 1000 & echo $!; wait").stdout(Stdio::piped())).unwrap();
        let lines = child.lines();
        assert!(matches!(lines.recv().unwrap(), Line::Out(_)), "the grandchild runs");
        let pid = child.pid();
        drop(child);
        assert!(kill(pid, None).is_err());
        // Both held the pipe's other end: it closes when the last of them is dead.
        assert!(lines.recv().is_err());
    }

    #[test]
    fn what_a_child_leaves_behind_does_not_hold_us_up() {
        let child = Tended::spawn(shell("sleep 1000 & echo first; exit 3").stdout(Stdio::piped())).unwrap();
        let mut count = 0;
        let status = child.follow(|_| count += 1).unwrap();
        assert_eq!((status.code(), count), (Some(3), 1));
    }

    #[test]
    fn a_failing_command_is_reported_with_its_last_error_line() {
        let error = quietly(&mut shell("echo first >&2; echo the cause >&2; exit 3"), GLANCE * 1000).unwrap_err();
        assert!(error.to_string().ends_with(": the cause"), "{error}");
    }

    #[test]
    fn a_command_that_hangs_is_given_up() {
        let error = quietly(&mut shell("sleep 1000"), GLANCE).unwrap_err();
        assert!(error.to_string().contains("no answer"), "{error}");
    }
}

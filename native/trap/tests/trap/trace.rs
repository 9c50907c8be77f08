//! A process is traced while it runs.

use std::io::{self, Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;
use trap::{End, Error, Event, Tracer};

use crate::process::{Guarded, LONGEST, check_free, threads};

/// Lets everything pass until the process ends or the time is up, and says what came.
fn follow(tracer: &mut Tracer, time: Duration) -> Vec<Event> {
    let deadline = Instant::now() + time;
    let mut events = Vec::new();
    while let Some(event) = tracer.wait(Some(deadline)) {
        events.push(event);
        pass(tracer, event);
    }
    events
}

fn pass(tracer: &mut Tracer, event: Event) {
    match event {
        Event::Signal { tid, signal } => tracer.resume(tid, signal),
        Event::Born { tid } | Event::Trap { tid, .. } => tracer.resume(tid, 0),
        Event::Exec { .. } => tracer.resume(tracer.pid(), 0),
        Event::Paused { .. } | Event::ThreadEnded { .. } | Event::Ended(_) => {}
    }
}

fn is_there(pid: i32) -> bool {
    kill(Pid::from_raw(pid), None).is_ok()
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("bash");
    command.args(["-c", script]);
    command
}

#[test]
fn every_thread_is_traced_also_those_that_are_born_meanwhile() {
    let mut target = Guarded::role("makes_threads", 0);
    for _ in 0..30 {
        let mut tracer = Tracer::attach(target.pid()).unwrap();
        let events = follow(&mut tracer, Duration::from_millis(20));
        assert!(!events.iter().any(|event| matches!(event, Event::Ended(_))));
        assert_eq!(tracer.stop_all(LONGEST), []);
        let all = threads(target.pid());
        let live: Vec<_> = all.iter().filter(|(_, state, _)| !['Z', 'X'].contains(state)).collect();
        assert!(live.iter().all(|(_, state, _)| *state == 't'), "{all:?}");
        assert_eq!(live.iter().map(|(tid, ..)| *tid).collect::<Vec<_>>(), tracer.threads().collect::<Vec<_>>());
        for tid in tracer.standing() {
            assert!(tracer.registers(tid).unwrap().rip != 0);
        }
        tracer.resume_all();
        let events = follow(&mut tracer, Duration::from_millis(5));
        assert!(!events.iter().any(|event| matches!(event, Event::Ended(_))));
        tracer.detach();
        check_free(target.pid());
    }
    target.check_progress();
}

#[test]
fn whoever_stops_too_late_goes_on_with_all() {
    let mut target = Guarded::role("makes_threads", 0);
    let mut tracer = Tracer::attach(target.pid()).unwrap();
    for _ in 0..50 {
        tracer.stop_all(Duration::ZERO);
        tracer.resume_all();
        follow(&mut tracer, Duration::from_millis(5));
        assert_eq!(tracer.standing().count(), 0);
    }
    tracer.detach();
    target.check_progress();
}

#[test]
fn a_program_that_is_started_is_traced_from_its_first_instruction() {
    let mut command = shell("read line; echo $line; exit 7");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let (mut tracer, mut child) = Tracer::spawn(command, SigSet::empty()).unwrap();
    assert_eq!(tracer.wait(None), Some(Event::Exec { former: tracer.pid() }));
    assert_eq!(tracer.pid(), child.id().cast_signed());
    tracer.resume(tracer.pid(), 0);
    writeln!(child.stdin.take().unwrap(), "hello").unwrap();
    let events = follow(&mut tracer, LONGEST);
    assert_eq!(events.last(), Some(&Event::Ended(End::Exited(7))), "{events:?}");
    let mut output = String::new();
    child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    assert_eq!(output, "hello\n");
    assert_eq!(tracer.wait(None), None);
}

#[test]
fn what_cannot_be_started_says_why() {
    for (program, kind) in
        [("/no/such/program", io::ErrorKind::NotFound), ("/etc/passwd", io::ErrorKind::PermissionDenied)]
    {
        let error = Tracer::spawn(Command::new(program), SigSet::empty()).unwrap_err();
        assert!(matches!(&error, Error::Start { source, .. } if source.kind() == kind), "{error}");
    }
    for pid in [0, -1, i32::MAX] {
        assert!(matches!(Tracer::attach(pid), Err(Error::Ended { .. })), "{pid}");
    }
}

#[test]
fn exec_is_followed_and_a_forked_child_is_not() {
    // The subshell is a child; the shell itself then becomes another program.
    let (mut tracer, _child) =
        Tracer::spawn(shell("(exit 3); (sleep 0 && true); exec bash -c 'kill -TERM $$'"), SigSet::empty()).unwrap();
    let events = follow(&mut tracer, LONGEST);
    let execs = events.iter().filter(|event| matches!(event, Event::Exec { .. })).count();
    assert_eq!(execs, 2, "{events:?}");
    assert!(!events.iter().any(|event| matches!(event, Event::Born { .. })), "{events:?}");
    assert_eq!(events.last(), Some(&Event::Ended(End::Killed { signal: 15, core: false })), "{events:?}");
}

#[test]
fn an_exec_by_another_thread_than_the_first_is_followed() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "process::executes_in_a_thread"]).stdout(Stdio::null());
    let (mut tracer, _child) = Tracer::spawn(command, SigSet::empty()).unwrap();
    let events = follow(&mut tracer, LONGEST);
    let by_others = events.iter().filter(|event| matches!(event, Event::Exec { former } if *former != tracer.pid()));
    assert_eq!(by_others.count(), 1, "{events:?}");
    assert_eq!(events.last(), Some(&Event::Ended(End::Exited(5))), "{events:?}");
}

#[test]
fn signals_pass_also_those_without_a_name() {
    let mut target = Guarded::answering();
    let mut tracer = Tracer::attach(target.pid()).unwrap();
    for (name, number, answer) in [("USR1", 10, "one"), ("35", 35, "two"), ("USR1", 10, "one")] {
        assert!(shell(&format!("kill -{name} {}", target.pid())).status().unwrap().success());
        loop {
            let event = tracer.wait(None).unwrap();
            pass(&mut tracer, event);
            if matches!(event, Event::Signal { signal, .. } if signal == number) {
                break;
            }
        }
        // It may need some more signals passed until it answers: those of its children's ends.
        let waker = tracer.waker();
        let answered = std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let line = target.line();
                waker.wake();
                line
            });
            while let Some(event) = tracer.wait(None) {
                pass(&mut tracer, event);
            }
            reader.join().unwrap()
        });
        assert_eq!(answered, answer);
    }
    // What is on its way at a detach arrives all the same.
    for _ in 0..50 {
        assert!(shell(&format!("kill -USR1 {}", target.pid())).status().unwrap().success());
        tracer.detach();
        assert_eq!(target.line(), "one");
        tracer = Tracer::attach(target.pid()).unwrap();
    }
}

#[test]
fn a_process_that_is_stopped_and_goes_on_does_so_under_a_tracer() {
    let mut target = Guarded::role("makes_threads", 0);
    let mut tracer = Tracer::attach(target.pid()).unwrap();
    let pid = Pid::from_raw(target.pid());
    for _ in 0..10 {
        kill(pid, Signal::SIGTSTP).unwrap();
        loop {
            let event = tracer.wait(None).unwrap();
            pass(&mut tracer, event);
            if event == (Event::Paused { signal: 20 }) {
                break;
            }
        }
        // Stopped by us while it is stopped by the user, and let go by us: it stays so.
        assert_eq!(tracer.stop_all(LONGEST), []);
        tracer.resume_all();
        follow(&mut tracer, Duration::from_millis(20));
        let all = threads(target.pid());
        assert!(all.iter().all(|(_, state, _)| ['t', 'Z', 'X'].contains(state)), "{all:?}");
        kill(pid, Signal::SIGCONT).unwrap();
        while !matches!(tracer.wait(None).unwrap(), Event::Signal { tid, signal: 18 } if { tracer.resume(tid, 18); true })
        {
        }
        let events = follow(&mut tracer, Duration::from_millis(20));
        assert!(events.iter().any(|event| matches!(event, Event::Born { .. })), "{events:?}");
    }
    tracer.detach();
    check_free(target.pid());
    target.check_progress();
}

#[test]
fn the_first_thread_may_end_before_the_others() {
    let mut target = Guarded::role("outlives_its_first_thread", 0);
    let mut tracer = Tracer::attach(target.pid()).unwrap();
    let events = follow(&mut tracer, Duration::from_millis(50));
    assert!(!events.iter().any(|event| matches!(event, Event::Ended(_))), "{events:?}");
    assert_eq!(tracer.stop_all(LONGEST), []);
    tracer.detach();
    target.check_progress();
    let mut tracer = Tracer::attach(target.pid()).unwrap();
    target.child.kill().unwrap();
    let events = follow(&mut tracer, LONGEST);
    assert!(matches!(events.last(), Some(Event::Ended(_))), "{events:?}");
}

#[test]
fn a_process_that_is_killed_at_any_moment_ends() {
    for round in 0..100u64 {
        let mut target = Guarded::role("makes_threads", 0);
        let mut tracer = Tracer::attach(target.pid()).unwrap();
        follow(&mut tracer, Duration::from_micros(round * 97 % 5000));
        if round % 3 == 0 {
            tracer.stop_all(LONGEST);
        }
        target.child.kill().unwrap();
        if round % 3 == 1 {
            tracer.stop_all(LONGEST);
        }
        if round % 2 == 0 {
            tracer.detach();
            // The tracer may have been told of its end already.
            assert!(target.child.wait().is_ok_and(|status| !status.success()) || !is_there(target.pid()));
        } else {
            let events = follow(&mut tracer, LONGEST);
            assert_eq!(events.last(), Some(&Event::Ended(End::Killed { signal: 9, core: false })), "{events:?}");
        }
    }
}

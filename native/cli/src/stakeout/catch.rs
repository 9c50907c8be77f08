//! Somebody is about to end the process because of a map: who, and who the other one is.

use std::time::{Duration, Instant};

use gotarget::fatal::{self, Fatal};
use gotarget::suspects::{self, Suspects};
use gotarget::users::Users;
use gotarget::{ThreadRegisters, threads};
use report::{Certainty, facts};

use super::Then;
use super::program::registers;
use super::session::{Next, PATIENCE, Session};
use super::touches::Touches;
use crate::say;

/// How often to look what was recorded.
const TICK: Duration = Duration::from_millis(10);

/// What is said of a goroutine that is about to end the process.
const HELD: &str = "held just before it ends the process";

/// Those who are about to end the process, and whom they have met.
pub(crate) struct Catch {
    /// The one that was there first.
    first: Fatal,
    /// The threads that are held.
    pub(crate) held: Vec<i32>,
    /// Everyone that has to do with the map, as they were in that instant.
    suspects: Suspects,
    /// How sure it is who the other one is; `None` where nothing tells yet.
    known: Option<Certainty>,
}

impl Session<'_> {
    /// Looks into a thread that is about to end the process. `None` if it is not because of a map, or somebody is caught
    /// already.
    pub(crate) fn catch(&mut self, tid: i32) -> Option<Catch> {
        self.tracer.stop_all(PATIENCE);
        let Some(mut caught) = self.look(tid) else {
            self.tracer.resume(tid, 0);
            self.tracer.resume_all();
            return None;
        };
        let program = self.program.as_ref()?;
        let target = program.process.target();
        let report = facts::fatal(&target, &caught.first, HELD);
        let others = facts::inside(&target, &caught.first, &caught.suspects);
        caught.known = others.iter().map(|other| other.certainty).max();
        // Armed before anyone goes on.
        let touches = if caught.is_proven() { None } else { self.record(&caught) };
        // The core is to have everyone where they are now.
        let wants_core = self.args.then == Then::Core;
        if !wants_core {
            self.tracer.resume_all();
        }
        self.lines.show(&report);
        if let Some(missing) = facts::missing(target.program) {
            say(&missing);
        }
        for other in &others {
            self.lines.show(other);
        }
        if wants_core {
            self.write_core(tid);
            self.tracer.resume_all();
        }
        match touches {
            Some(touches) => self.watch(&mut caught, touches),
            None => self.name(&caught, &Users::default(), Duration::ZERO),
        }
        Some(caught)
    }

    /// Takes the places of all threads and goroutines, which stand.
    fn look(&self, tid: i32) -> Option<Catch> {
        let process = &self.program.as_ref()?.process;
        let target = process.target();
        let threads: Vec<ThreadRegisters> =
            self.tracer.standing().filter_map(|tid| registers(&self.tracer, tid)).collect();
        let own = threads.iter().find(|thread| thread.tid == tid.cast_unsigned())?;
        let first = fatal::of_thread_among(&target, own)?;
        let suspects = first.map.as_ref().and_then(|map| {
            let found = suspects::find(&target, &first, map, &threads, &|| false);
            found.inspect_err(|error| say(&format!("the other goroutines cannot be looked at: {error}"))).ok()
        });
        Some(Catch { first, held: vec![tid], suspects: suspects.unwrap_or_default(), known: None })
    }

    /// Begins to record who uses the map.
    fn record(&self, caught: &Catch) -> Option<Touches> {
        if self.args.wait.is_zero() {
            return None;
        }
        let process = &self.program.as_ref()?.process;
        let Some(map) = &caught.first.map else {
            say(&"who else uses the map is not watched: nothing tells which map it is");
            return None;
        };
        let touches = Touches::begin(process, self.tracer.pid(), map.header);
        touches.inspect_err(|error| say(&format!("who else uses the map cannot be watched: {error}"))).ok()
    }

    /// Watches who else uses the map, while those who are about to end the process are held.
    fn watch(&mut self, caught: &mut Catch, mut touches: Touches) {
        let seconds = self.args.wait.as_secs_f64();
        say(&format!("it is held; watching for {seconds} s who else uses the map"));
        let began = Instant::now();
        let deadline = began + self.args.wait;
        let mut executes = false;
        loop {
            let next = self.next(Some(deadline.min(Instant::now() + TICK)));
            let Some(program) = &self.program else { return };
            let target = program.process.target();
            touches.read(&target);
            match next {
                Next::Time if Instant::now() < deadline => {
                    if threads::world_is_stopped(&target) {
                        say(&"the garbage collector waits for the held goroutine, and all others wait for it");
                        break;
                    }
                }
                Next::Fatal(tid) => self.hold_too(caught, tid),
                Next::Executes => {
                    executes = true;
                    break;
                }
                Next::Time | Next::Ended(_) | Next::Asked => break,
            }
        }
        let Some(program) = &self.program else { return };
        let target = program.process.target();
        let (users, lost) = touches.finish(&target);
        let time = began.elapsed();
        self.lines.show(&facts::users(&target, &users, time.as_secs_f64(), lost));
        self.name(caught, &users, time);
        if executes {
            // Whoever was held is gone with the program.
            self.stake_out_again();
        }
    }

    /// Names the other one, if that is surer than what has been said already.
    fn name(&mut self, caught: &Catch, users: &Users, time: Duration) {
        let Some(program) = self.program.as_ref().filter(|_| !caught.is_proven()) else { return };
        let target = program.process.target();
        let other = facts::most_likely(&target, &caught.first, &caught.suspects, users, time.as_secs_f64());
        match other {
            Some(other) if Some(other.certainty) > caught.known => self.lines.show(&other),
            None if caught.known.is_none() => {
                say(&"the other goroutine is not known: nobody else wrote to the map, and no stack tells of a write")
            }
            _ => {}
        }
    }

    /// Another one is about to end the process, while the first is held.
    fn hold_too(&mut self, caught: &mut Catch, tid: i32) {
        let Some(program) = &self.program else { return };
        let target = program.process.target();
        let dying = registers(&self.tracer, tid).and_then(|thread| fatal::of_thread_among(&target, &thread));
        let Some(dying) = dying else {
            // Of something else, and with it the process.
            self.tracer.resume(tid, 0);
            return;
        };
        caught.held.push(tid);
        self.lines.show(&facts::fatal(&target, &dying, HELD));
        let other = facts::both_dying(&target, &caught.first, &dying);
        if let Some(other) = other.filter(|other| Some(other.certainty) > caught.known) {
            caught.known = Some(other.certainty);
            self.lines.show(&other);
        }
    }
}

impl Catch {
    fn is_proven(&self) -> bool {
        self.known == Some(Certainty::Proven)
    }
}

//! Who else uses a map while the goroutine that found it in use is held.

use std::ops::ControlFlow;

use goprogram::Register;
use gotarget::catch::{FlagTrap, Stop};
use gotarget::recorded::{self, Goids};
use gotarget::users::Users;
use gotarget::{Process, RuntimeAddr, Target};
use race::Time;
use trap::At;
use trap::perf::{Record, Recorder, Span, Take, now};

use crate::error::Error;

/// Records who touches a map's flag byte. Nobody is stopped for it.
pub(crate) struct Touches {
    recorder: Recorder,
    reader: Reader,
}

/// Makes sense of what is recorded.
struct Reader {
    trap: FlagTrap<()>,
    goids: Goids,
    users: Users,
}

impl Touches {
    /// Begins to record, given where the map's header is.
    pub(crate) fn begin(process: &Process, pid: i32, map: RuntimeAddr) -> Result<Self, Error> {
        let target = process.target();
        let trap = FlagTrap::at(&target, map)?;
        let registers = recorded::registers(trap.registers(target.program));
        let take = Take { registers, stack: true, span: Span::Moment };
        let recorder = Recorder::new(pid, &[At::Byte(trap.flag().0)], take)?;
        let goids = Goids::new(&target, &now)?;
        Ok(Touches { recorder, reader: Reader { trap, goids, users: Users::default() } })
    }

    /// Takes what has been recorded until now.
    pub(crate) fn read(&mut self, target: &Target<'_>) {
        self.reader.goids.look(target, &now);
        self.recorder.drain(&mut |record| self.reader.take(target, record));
    }

    /// Ends the recording: who has used the map, and how many accesses were lost.
    pub(crate) fn finish(mut self, target: &Target<'_>) -> (Users, u64) {
        let lost = self.recorder.finish(&mut |record| self.reader.take(target, record));
        (self.reader.users, lost)
    }
}

impl Reader {
    fn take(&mut self, target: &Target<'_>, record: Record<'_>) -> ControlFlow<()> {
        let Reader { trap, goids, users } = self;
        match record {
            Record::Hit(hit) => {
                let registers = |register| recorded::register(&hit, register);
                let scene = || {
                    let g = RuntimeAddr(registers(Register::R14).unwrap_or(0));
                    recorded::scene(target, &hit, goids.at(target, g, hit.at, &now))
                };
                if let Stop::Access(caught) = trap.take(target, Time(hit.at), hit.tid, &registers, || None, scene) {
                    users.saw(*caught);
                }
            }
            Record::Gap => trap.forget(),
            Record::Lost(_) => {}
        }
        ControlFlow::Continue(())
    }
}

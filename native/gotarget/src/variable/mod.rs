//! Accesses to any variable, from the traps of a breakpoint: who, what, and what that proves.
//!
//! Nothing here stops anyone, nor sets a breakpoint. Whoever does gives what the kernel recorded.

mod code;
mod place;
mod site;

use std::collections::HashMap;
use std::rc::Rc;

use goprogram::Register;
use race::{Goroutine, LostUpdate, Proven, Time, VarAccess, VarRace, VarWatch};

use crate::catch::{Registers, Scene};
use crate::goroutine;
use crate::memory::RuntimeAddr;
use crate::target::Target;
use code::ProgramCode;
pub use place::Variable;
pub use site::By;
use site::Site;

/// A thread that has met the breakpoint, as it was then.
pub struct Trapped<'a> {
    /// From when it is known to have made the access and not to have gone on.
    pub from: Time,
    /// Until when.
    pub to: Time,
    /// Its registers.
    pub registers: &'a Registers<'a>,
    /// Who and where.
    pub scene: Scene,
}

/// One access, and what it proves.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The access. Its scene's innermost frame is where the instruction ends.
    pub access: VarAccess<Rc<Scene>>,
    /// Whose it is.
    pub by: By,
    /// The function of the runtime that made it, on the program's behalf or for itself.
    pub via: Option<String>,
    /// A data race.
    pub race: Option<VarRace<Rc<Scene>>>,
    /// A lost update.
    pub lost: Option<LostUpdate<Rc<Scene>>>,
}

/// Follows one variable.
#[derive(Debug)]
pub struct VarTrap {
    variable: Variable,
    watch: VarWatch<Rc<Scene>>,
    sites: HashMap<RuntimeAddr, Rc<Site>>,
    code: ProgramCode,
    /// Whether a `g` is one of those on which the runtime works for itself.
    system: HashMap<RuntimeAddr, bool>,
}

impl VarTrap {
    /// Prepares to follow a variable.
    #[must_use]
    pub fn new(variable: Variable) -> Self {
        let watch = VarWatch::new(variable.size);
        VarTrap { variable, watch, sites: HashMap::new(), code: ProgramCode::default(), system: HashMap::new() }
    }

    /// The variable.
    #[must_use]
    pub fn variable(&self) -> &Variable {
        &self.variable
    }

    /// The variable has moved: it is followed where it is now, with new breakpoints.
    pub fn moved(&mut self, variable: Variable) {
        self.variable = variable;
        self.code.stop_passes();
        self.gap();
    }

    /// Accesses may be missing from now on.
    pub fn gap(&mut self) {
        self.watch.gap();
        self.code.forget_passes();
        self.system.clear();
    }

    /// Takes one access. They are to be given in the order of time.
    pub fn take(&mut self, target: &Target<'_>, trapped: Trapped<'_>) -> Seen {
        let Trapped { from, to, registers, mut scene } = trapped;
        let pc = RuntimeAddr(registers(Register::Rip).unwrap_or(0));
        let g = RuntimeAddr(registers(Register::R14).unwrap_or(0));
        let site = Rc::clone(self.sites.entry(pc).or_insert_with(|| Rc::new(Site::at(target, pc))));
        // The trap came behind the instruction: what is to be shown is the one before.
        if let Some(innermost) = scene.stack.first_mut() {
            innermost.is_return = true;
        }
        let effect = site.effect(&self.variable, registers);
        let mut by = site.by(target, &scene.stack);
        if by == By::Program && self.is_system(target, g) {
            by = By::Runtime;
        }
        let access = VarAccess {
            goroutine: Goroutine(g.0),
            from,
            to,
            action: effect.action,
            atomic: effect.atomic,
            own: by == By::Program,
            bytes: effect.bytes,
            before: effect.before,
            after: effect.after,
            raised: effect.raised,
            scene: Rc::new(scene),
        };
        self.code.touched(&access);
        let Proven { race, lost } = match by {
            // It is as if it had not been.
            By::NilCheck => Proven { race: None, lost: None },
            _ => self.watch.take(access.clone(), &mut self.code.of(target, &self.sites)),
        };
        tracing::debug!(%pc, ?by, action = ?access.action, goroutine = g.0, race = race.is_some(), "access");
        Seen { access, by, via: site.via(), race, lost }
    }

    /// An instruction that it would help to see each time that a goroutine passes it, with a breakpoint on it: the read
    /// of what may have been overwritten since. It may read other variables too; only if it has not done so after it
    /// read this one, the value came from here.
    #[must_use]
    pub fn wants_passes(&self) -> Option<RuntimeAddr> {
        self.code.wanted()
    }

    /// From now on each pass of that instruction is given.
    pub fn gets_passes(&mut self, since: Time) {
        self.code.gets_passes(since);
    }

    /// A goroutine passes such an instruction: a moment later it will have read something.
    pub fn passes(&mut self, instruction: RuntimeAddr, registers: &Registers<'_>) {
        self.code.passes(instruction, Goroutine(registers(Register::R14).unwrap_or(0)));
    }

    /// Whether the runtime does its own work on this `g`: on that of a thread's own stack, and on that of its signals.
    /// They have no number. What is at hand is a `g` for certain only in the runtime's own code and in compiled Go
    /// code; what can't be read is none.
    fn is_system(&mut self, target: &Target<'_>, g: RuntimeAddr) -> bool {
        *self.system.entry(g).or_insert_with(|| goroutine::goid(target, g).map_or(true, |goid| goid == 0))
    }
}

//! What was seen of a variable, as the plain data of reports.

use std::rc::Rc;

use gotarget::catch::Scene;
use gotarget::goroutine::Goroutine;
use gotarget::variable::{By, Seen, Variable};
use gotarget::{Target, stack};
use race::{Action, LostUpdate, VarAccess, VarRace};

use super::{LostUpdateReport, VarAction, VarBy, VarCulprit, VarLine, VarRaceReport, VarValue};
use crate::{Frame, Subject};

/// Which variable, of which program.
pub fn subject(target: &Target<'_>, variable: &Variable) -> Subject {
    Subject {
        expression: variable.expression.clone(),
        type_name: variable.type_name.clone(),
        address: variable.address.0,
        go: target.program.version().text.trim_start_matches("go").to_owned(),
    }
}

/// One access, as it comes.
pub fn access(target: &Target<'_>, variable: &Variable, seen: &Seen, with_stack: bool) -> VarLine {
    VarLine { by: by(seen.by), via: seen.via.clone(), ..line(target, variable, &seen.access, with_stack) }
}

/// A data race. `goroutine` tells what the runtime knows of a goroutine by its `g`.
pub fn race(
    target: &Target<'_>,
    variable: &Variable,
    race: &VarRace<Rc<Scene>>,
    goroutine: &dyn Fn(&VarAccess<Rc<Scene>>) -> Option<Goroutine>,
) -> VarRaceReport {
    let culprit = |access: &VarAccess<Rc<Scene>>| culprit(target, variable, access, goroutine(access));
    VarRaceReport {
        variable: subject(target, variable),
        first: culprit(&race.first),
        second: culprit(&race.second),
        resumed: race.resumed.as_ref().map(culprit),
    }
}

/// A lost update.
pub fn lost_update(
    target: &Target<'_>,
    variable: &Variable,
    lost: &LostUpdate<Rc<Scene>>,
    goroutine: &dyn Fn(&VarAccess<Rc<Scene>>) -> Option<Goroutine>,
) -> LostUpdateReport {
    let culprit = |access: &VarAccess<Rc<Scene>>| culprit(target, variable, access, goroutine(access));
    LostUpdateReport {
        variable: subject(target, variable),
        read: culprit(&lost.read),
        lost: culprit(&lost.lost),
        overwritten: culprit(&lost.overwritten),
        updates: lost.updates,
    }
}

fn culprit(
    target: &Target<'_>,
    variable: &Variable,
    access: &VarAccess<Rc<Scene>>,
    goroutine: Option<Goroutine>,
) -> VarCulprit {
    VarCulprit {
        access: line(target, variable, access, true),
        created_by: goroutine.and_then(|goroutine| goroutine.created_by).map(Frame::from),
    }
}

fn line(target: &Target<'_>, variable: &Variable, access: &VarAccess<Rc<Scene>>, with_stack: bool) -> VarLine {
    let action = match access.action {
        Action::Read => VarAction::Read,
        Action::Write => VarAction::Write,
        Action::Update => VarAction::Update,
    };
    let value = |value: u64| VarValue { text: variable.show(value), number: variable.number(value) };
    let scene = &access.scene;
    VarLine {
        time_ns: access.from.0,
        until_ns: access.to.0,
        thread: scene.thread,
        goroutine: scene.goid,
        g: access.goroutine.0,
        by: VarBy::Program,
        action,
        atomic: match (access.atomic, access.action) {
            (true, _) => Some(true),
            (false, Action::Read) => None,
            (false, _) => Some(false),
        },
        before: access.before.map(value),
        after: access.after.map(value),
        raised: access.raised.map(|by| variable.difference(by)),
        via: None,
        caller: caller(target, &scene.stack).map(Frame::from),
        stack: if with_stack { crate::facts::stack(target, scene) } else { Vec::new() },
    }
}

/// The program's line that did it: not that of a function which only stands for an atomic operation.
fn caller(target: &Target<'_>, stack: &[stack::Pc]) -> Option<stack::Frame> {
    let is_own = |frame: &&stack::Frame| !frame.is_runtime() && !frame.function.starts_with("sync/atomic.");
    let own = stack.iter().find_map(|pc| stack::lines(target, *pc).iter().find(is_own).cloned());
    own.or_else(|| stack::caller(target, stack))
}

fn by(by: By) -> VarBy {
    match by {
        By::Program => VarBy::Program,
        By::Growth => VarBy::Growth,
        By::Removal => VarBy::Removal,
        By::Allocation => VarBy::Allocation,
        By::Runtime => VarBy::Runtime,
        By::NilCheck => VarBy::NilCheck,
        By::Foreign => VarBy::Foreign,
    }
}

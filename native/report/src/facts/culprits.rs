//! Who ends a process because of a map, and who the other one is.

use std::cmp::Reverse;

use gotarget::fatal::{Fatal, Sureness};
use gotarget::stack::{self, Pc};
use gotarget::suspects::{Clue, Evidence, Recent, Suspect, Suspects};
use gotarget::users::{Use, User, Users};
use gotarget::{RuntimeAddr, Target, goroutine};
use race::Kind;

use super::autopsy::evidence_line;
use super::subject;
use crate::{Certainty, CulpritReport, FatalMap, FatalReport, Frame, Party, Subject, UseLine, UserLine, UserList};

/// A goroutine that ends the process because it found a map used by another one. `whereabouts` says what is
/// done about it, as `held before its end`.
pub fn fatal(target: &Target<'_>, fatal: &Fatal, whereabouts: &str) -> FatalReport {
    let map = fatal.map.as_ref().map(|map| {
        let go = target.program.version().text.trim_start_matches("go").to_owned();
        let unknown = || Subject {
            expression: format!("the map at {}", map.header),
            type_name: map.type_name.clone().unwrap_or_else(|| "map of unknown type".to_owned()),
            address: map.header.0,
            go,
        };
        FatalMap {
            subject: map.value.as_ref().map_or_else(unknown, |value| subject(target.program, value)),
            local_of: map.local_of.clone(),
            doubt: match map.sureness {
                Sureness::Proven => None,
                Sureness::Reread => {
                    Some("(read again from the variable that it came from, which may hold another map by now)")
                }
                Sureness::Inferred => {
                    Some("(its address is kept nowhere: others use this one of its type, but it may be another map)")
                }
                Sureness::Likely => Some("(what tells its address is contradictory: it may be another map)"),
            },
        }
    });
    let g = fatal.goroutine;
    let access = party(target, fatal.kind, g, Some(fatal.thread), &fatal.stack, whereabouts);
    FatalReport { map, message: fatal.message.clone(), access: Party { goroutine: fatal.goid, ..access } }
}

/// What is said of another one that is at the runtime's fatal function as well.
const DIES_TOO: &str = "about to end the process too";

/// Whether two accesses of one map at the same time are a race.
fn is_race(first: Kind, second: Kind) -> bool {
    first.is_write() || second.is_write()
}

/// The map's header.
fn map(fatal: &Fatal) -> Option<RuntimeAddr> {
    Some(fatal.map.as_ref()?.header)
}

/// How sure it is that two were in the map at the same time, where that is what was seen.
fn met(first: &Fatal) -> Certainty {
    match first.map.as_ref().map(|map| map.sureness) {
        Some(Sureness::Proven) => Certainty::Proven,
        // It may have been another map.
        _ => Certainty::Likely,
    }
}

/// Those who were in the map at the very moment in which `first` was about to end the process.
pub fn inside(target: &Target<'_>, first: &Fatal, suspects: &Suspects) -> Vec<CulpritReport> {
    let Some(map) = map(first) else { return Vec::new() };
    let culprit = |suspect: &Suspect| {
        let evidence = suspect.evidence.iter().find(|evidence| matches!(evidence.clue, Clue::Inside | Clue::Dies))?;
        let kind = evidence.kind.filter(|kind| is_race(first.kind, *kind))?;
        let whereabouts = match evidence.clue {
            Clue::Dies => DIES_TOO,
            _ => "inside the map at that moment",
        };
        let reasons = together(target, evidence);
        Some(of_suspect(target, map, suspect, kind, met(first), reasons, whereabouts))
    };
    suspects.list.iter().filter_map(culprit).collect()
}

/// The overlap of two that are about to end the process: both are still in the map.
pub fn both_dying(target: &Target<'_>, first: &Fatal, second: &Fatal) -> Option<CulpritReport> {
    let map = map(first).filter(|header| Some(*header) == map(second) && is_race(first.kind, second.kind))?;
    let access = party(target, second.kind, second.goroutine, Some(second.thread), &second.stack, DIES_TOO);
    let evidence = Evidence {
        clue: Clue::Dies,
        kind: Some(second.kind),
        function: Some(second.function.clone()),
        at: second.caller(target),
    };
    let reasons = together(target, &evidence);
    Some(CulpritReport { address: map.0, certainty: met(first), reasons, access })
}

/// The one for which most speaks: by who has used the map while `first` was held in it, or else by what is on the
/// stacks.
pub fn most_likely(
    target: &Target<'_>,
    first: &Fatal,
    suspects: &Suspects,
    users: &Users,
    seconds: f64,
) -> Option<CulpritReport> {
    let map = map(first)?;
    // The runtime ends a process only if it finds the mark of a writer, or its own mark gone.
    let writers: Vec<(&User, &Use)> = users.all().iter().filter_map(|user| Some((user, user.writes()?))).collect();
    let rank = |g: RuntimeAddr| {
        let position = suspects.list.iter().position(|suspect| suspect.goroutine.g == g);
        position.unwrap_or(usize::MAX)
    };
    let best = writers.iter().min_by_key(|(user, used)| (rank(user.g), Reverse(used.count)));
    if let Some((user, used)) = best {
        let times = if used.count == 1 { "once".to_owned() } else { format!("{} times", used.count) };
        let wrote = format!("wrote to it {times} within {seconds:.1} s");
        // A lock would have kept it out as long as the first one was held inside.
        let mut reasons =
            vec![format!("{wrote}, while the first one was held inside the map: no lock keeps them apart")];
        if writers.len() > 1 {
            reasons.push(format!("so did {}", goroutines(writers.len() - 1)));
        }
        let suspect = suspects.list.iter().find(|suspect| suspect.goroutine.g == user.g);
        reasons.extend(suspect.and_then(|suspect| clue(target, suspect)));
        let scene = &used.scene;
        let access = party(target, used.kind, Some(user.g), Some(scene.thread), &scene.stack, &wrote);
        return Some(CulpritReport { address: map.0, certainty: met(first), reasons, access });
    }
    let suspect = suspects.list.iter().find(|suspect| suspect.evidence.iter().any(|evidence| evidence.is_write()))?;
    let kind = suspect.evidence.iter().filter(|evidence| evidence.is_write()).find_map(|evidence| evidence.kind)?;
    let certainty = if suspects.list.len() == 1 { Certainty::Likely } else { Certainty::Possible };
    let reasons = vec![clue(target, suspect)?];
    Some(of_suspect(target, map, suspect, kind, certainty, reasons, "as its stack tells"))
}

/// Who has used the map, the busiest writers first.
pub fn users(target: &Target<'_>, users: &Users, seconds: f64, lost: u64) -> UserList {
    let mut all: Vec<&User> = users.all().iter().collect();
    all.sort_by_key(|user| {
        let writes = user.writes().map_or(0, |used| used.count);
        let all: u64 = user.uses.iter().map(|used| used.count).sum();
        Reverse((writes, all))
    });
    let line = |user: &User| {
        let line = |used: &Use| UseLine {
            kind: used.kind.into(),
            count: used.count,
            stack: frames(target, &used.scene.stack),
        };
        UserLine { goroutine: user.goid, g: user.g.0, uses: user.uses.iter().map(line).collect() }
    };
    UserList { seconds, users: all.into_iter().map(line).collect(), by_others: users.by_others(), lost }
}

fn of_suspect(
    target: &Target<'_>,
    map: RuntimeAddr,
    suspect: &Suspect,
    kind: Kind,
    certainty: Certainty,
    reasons: Vec<String>,
    whereabouts: &str,
) -> CulpritReport {
    let thread = match suspect.recent {
        Recent::Running { thread } | Recent::InSystemCall { thread } => Some(thread),
        _ => None,
    };
    let access = party(target, kind, Some(suspect.goroutine.g), thread, &suspect.stack, whereabouts);
    CulpritReport { address: map.0, certainty, reasons, access }
}

/// The strongest thing that speaks for a suspect, in words about it.
fn clue(target: &Target<'_>, suspect: &Suspect) -> Option<String> {
    suspect.evidence.first().map(|evidence| evidence_line(target, evidence).text)
}

/// Why one that was seen in the map is the other one.
fn together(target: &Target<'_>, evidence: &Evidence) -> Vec<String> {
    vec![format!("{}, so both were in the map at the same time", evidence_line(target, evidence).text)]
}

fn goroutines(count: usize) -> String {
    if count == 1 { "1 other goroutine".to_owned() } else { format!("{count} other goroutines") }
}

/// A goroutine that does something with a map, given its stack.
fn party(
    target: &Target<'_>,
    kind: Kind,
    g: Option<RuntimeAddr>,
    thread: Option<u32>,
    stack: &[Pc],
    whereabouts: &str,
) -> Party {
    let goroutine = g.and_then(|g| goroutine::goroutine(target, g).ok());
    Party {
        kind: kind.into(),
        goroutine: goroutine.as_ref().map(|goroutine| goroutine.goid),
        g: g.map_or(0, |g| g.0),
        thread,
        whereabouts: whereabouts.to_owned(),
        stack: frames(target, stack),
        created_by: goroutine.and_then(|goroutine| goroutine.created_by).map(Frame::from),
    }
}

pub(super) fn frames(target: &Target<'_>, stack: &[Pc]) -> Vec<Frame> {
    stack::describe(target, stack).into_iter().map(Frame::from).collect()
}

//! Who the other one was.

use gotarget::{Process, fatal, goroutine, stack, suspects};

use crate::racing::{Dead, PLACES, RACES, Racing};
use crate::toolchain::{is_thorough, toolchains};

/// Which of the two racers a goroutine is, or has started.
fn racer(process: &Process, goid: u64) -> Option<&'static str> {
    let target = process.target();
    let of = |goid| {
        let frames: Vec<_> = process.frames(goid).ok()?.into_iter().map(|frame| frame.pc).collect();
        let names = stack::describe(&target, &frames).into_iter().map(|frame| frame.function);
        let names: Vec<String> = names.collect();
        ["main.racerA", "main.racerB"].into_iter().find(|racer| names.iter().any(|name| name == racer))
    };
    let parent = || {
        let g = goroutine::find(&target, goid).ok()?;
        goroutine::goroutine(&target, g).ok()?.parent
    };
    of(goid).or_else(|| of(parent()?))
}

/// Whether the first suspect in a core is the other racer; or else what there is to see. `None` if the map is
/// not known.
fn caught(dead: &Dead) -> Option<Result<(), String>> {
    let process = dead.process();
    let target = process.target();
    let threads = process.threads().unwrap();
    let fatal = fatal::find(&target, &threads).unwrap();
    let map = fatal.map.as_ref()?;
    let found = suspects::find(&target, &fatal, map, &threads, &|| false).unwrap();
    let dying = racer(&process, fatal.goid.unwrap());
    let first = found.list.first().and_then(|suspect| racer(&process, suspect.goroutine.goid));
    let seen = found.list.iter().map(|suspect| {
        let stack = stack::describe(&target, &suspect.stack).into_iter().map(|frame| frame.function);
        let stack = stack.collect::<Vec<_>>().join(" < ");
        format!("\n  goroutine {} {:?} {:?} {stack}", suspect.goroutine.goid, suspect.recent, suspect.evidence)
    });
    // It has called the same function of the runtime, for a map of another type.
    assert!(!seen.clone().any(|seen| seen.contains("main.outsider")), "{}", seen.collect::<String>());
    let is_other = first.is_some() && first != dying;
    Some(is_other.then_some(()).ok_or_else(|| format!("{dying:?} died, suspects:{}", seen.collect::<String>())))
}

#[test]
fn the_other_racer_is_the_first_suspect() {
    let (mut cores, mut missed) = (0, Vec::new());
    for go in toolchains() {
        let racing = Racing::build(&go, &[]);
        for (index, place) in PLACES.iter().enumerate() {
            for (number, race) in RACES.iter().enumerate() {
                // Every place and every race; with REDHANDED_ALL=1 every race at every place.
                if index != number && !is_thorough() {
                    continue;
                }
                for pace in ["tight", "worker"] {
                    let Some(dead) = racing.die(&[place, race, pace]) else { return };
                    let Some(caught) = caught(&dead) else { continue };
                    cores += 1;
                    missed.extend(caught.err().map(|seen| format!("{go} {place} {race} {pace}: {seen}")));
                }
            }
        }
    }
    // A worker that has gone on to its next order may leave nothing that another one has not.
    assert!(10 * missed.len() <= cores, "{} of {cores} missed: {}", missed.len(), missed.join("\n"));
}

#[test]
fn the_other_racer_is_the_first_suspect_in_a_copy_made_at_the_fatal() {
    let (mut cores, mut missed) = (0, Vec::new());
    for go in toolchains() {
        let racing = Racing::build(&go, &[]);
        for (place, race) in [("global", "write"), ("pointer", "read"), ("local", "iterate")] {
            for pace in ["tight", "worker"] {
                let dead = racing.copy_at_fatal(&go, &[place, race, pace]);
                let caught = caught(&dead).unwrap_or_else(|| panic!("{go} {place} {race} {pace}: no map"));
                cores += 1;
                missed.extend(caught.err().map(|seen| format!("{go} {place} {race} {pace}: {seen}")));
            }
        }
    }
    assert!(10 * missed.len() <= cores, "{} of {cores} missed: {}", missed.len(), missed.join("\n"));
}

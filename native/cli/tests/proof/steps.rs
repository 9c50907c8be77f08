//! Writes to a map, one instruction after the other: at each the entries must be those that the program last
//! knew, give or take the one that is being written, or a finding must say that it can't be told.

use std::collections::{BTreeMap, HashMap};
use std::thread;

use gotarget::{RuntimeAddr, read_bytes};
use iced_x86::{Decoder, DecoderOptions, InstructionInfoFactory, OpAccess, Register};
use nix::libc::user_regs_struct;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use serde_json::json;

use crate::builds::{Go, is_thorough, toolchains};
use crate::figures::{self, Problems};
use crate::reading::Reader;
use crate::script::{Content, Script, expression};

/// The longest instruction, in bytes.
const LONGEST: usize = 15;

/// `int3`, by which the program marks where a write begins and ends.
const INT3: u8 = 0xcc;

/// A thread that is stepped through.
struct Stepper {
    thread: Pid,
    /// Where each instruction writes to, by its address; `None` for one that writes nowhere, or to its stack.
    writes: HashMap<u64, Option<Write>>,
}

/// The place that an instruction writes to.
#[derive(Clone, Copy)]
struct Write {
    base: Register,
    index: Register,
    scale: u64,
    displacement: u64,
}

impl Stepper {
    fn of(script: &Script) -> Self {
        let thread = Pid::from_raw(script.thread());
        // On one processor, as one waits for the other: to wake another processor takes many times as long as a step.
        let this_thread = Pid::from_raw(0);
        sched_setaffinity(thread, &sched_getaffinity(this_thread).unwrap()).unwrap();
        ptrace::seize(thread, ptrace::Options::empty()).unwrap();
        Stepper { thread, writes: HashMap::new() }
    }

    /// Waits until it stops for a trap.
    fn wait(&self) {
        loop {
            match waitpid(self.thread, Some(WaitPidFlag::__WALL)).unwrap() {
                WaitStatus::Stopped(_, Signal::SIGTRAP) => return,
                // It would only be preempted.
                WaitStatus::Stopped(_, Signal::SIGURG) => ptrace::cont(self.thread, None).unwrap(),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Goes on by one instruction.
    fn step(&self) {
        loop {
            ptrace::step(self.thread, None).unwrap();
            match waitpid(self.thread, Some(WaitPidFlag::__WALL)).unwrap() {
                WaitStatus::Stopped(_, Signal::SIGTRAP) => return,
                WaitStatus::Stopped(_, Signal::SIGURG) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Where the next instruction is to write to, other than its stack.
    fn target(&mut self, registers: &user_regs_struct, code: &[u8]) -> Option<u64> {
        let write = *self.writes.entry(registers.rip).or_insert_with(|| decode(registers.rip, code));
        let Write { base, index, scale, displacement } = write?;
        let value = |register| match register {
            Register::RAX => registers.rax,
            Register::RBX => registers.rbx,
            Register::RCX => registers.rcx,
            Register::RDX => registers.rdx,
            Register::RSI => registers.rsi,
            Register::RDI => registers.rdi,
            Register::RBP => registers.rbp,
            Register::R8 => registers.r8,
            Register::R9 => registers.r9,
            Register::R10 => registers.r10,
            Register::R11 => registers.r11,
            Register::R12 => registers.r12,
            Register::R13 => registers.r13,
            Register::R14 => registers.r14,
            Register::R15 => registers.r15,
            _ => 0,
        };
        Some(value(base).wrapping_add(value(index).wrapping_mul(scale)).wrapping_add(displacement))
    }
}

fn decode(address: u64, code: &[u8]) -> Option<Write> {
    let instruction = Decoder::with_ip(64, code, address, DecoderOptions::NONE).decode();
    let mut factory = InstructionInfoFactory::new();
    let is_write = |access| {
        matches!(access, OpAccess::Write | OpAccess::CondWrite | OpAccess::ReadWrite | OpAccess::ReadCondWrite)
    };
    let memory = factory.info(&instruction).used_memory().iter().find(|memory| is_write(memory.access()))?;
    (memory.base() != Register::RSP).then(|| Write {
        base: memory.base(),
        index: memory.index(),
        scale: memory.scale().into(),
        // Of an address relative to rip it is the address.
        displacement: memory.displacement(),
    })
}

/// What was seen.
#[derive(Default)]
struct Counts {
    writes: u64,
    instructions: u64,
    readings: u64,
    exact: u64,
    /// Not exact, but with a finding.
    findings: u64,
    wrong: Vec<String>,
}

/// What readings in a row have given.
struct Seen {
    entries: BTreeMap<(String, String), usize>,
    has_finding: bool,
    /// After which instruction.
    place: String,
    times: u64,
}

/// How many readings of one write there are at most; of a longer one some are left out, but none after a store
/// to the header.
const READINGS: u64 = 400;

/// Steps through one write, and reads the map after `every` so many stores.
fn step(script: &mut Script, stepper: &mut Stepper, kind: &str, action: &str, every: u64, counts: &mut Counts) {
    let before = script.content(kind);
    // What was read, and where that was; each for as many readings as in a row gave the same.
    let mut seen: Vec<Seen> = Vec::new();
    script.begin(&format!("{kind} step{action}"));
    stepper.wait();
    {
        let target = script.process.target();
        let mut reader = Reader::new(target, &expression(kind));
        let header = reader.map().value.header.0;
        let mut stores = 0;
        loop {
            let registers = ptrace::getregs(stepper.thread).unwrap();
            let code = read_bytes(target.memory, RuntimeAddr(registers.rip), LONGEST).unwrap();
            if code[0] == INT3 {
                break;
            }
            let store = stepper.target(&registers, &code);
            stepper.step();
            counts.instructions += 1;
            let Some(address) = store else { continue };
            stores += 1;
            let is_header = (header..header + 48).contains(&address);
            if !is_header && (stores % every != 0 || stores / every > READINGS) {
                continue;
            }
            // Whoever looks comes in the middle of the write, and knows nothing from before.
            reader.learn();
            let reading = reader.read(false);
            let (entries, has_finding) = (reading.canonical(), !reading.findings.is_empty());
            match seen.last_mut() {
                Some(last) if last.entries == entries && last.has_finding == has_finding => last.times += 1,
                _ => {
                    let place = target.program.function_at(target.bias.to_link(RuntimeAddr(registers.rip)));
                    let place = place.map_or(String::new(), |function| function.name);
                    let place = format!("{place} ({:#x})", registers.rip);
                    seen.push(Seen { entries, has_finding, place, times: 1 });
                }
            }
        }
    }
    ptrace::cont(stepper.thread, None).unwrap();
    stepper.wait();
    ptrace::cont(stepper.thread, None).unwrap();
    script.finish();
    counts.writes += 1;
    let after = script.content(kind);
    for Seen { entries, has_finding, place, times } in seen {
        counts.readings += times;
        match problem(&entries, &before, &after) {
            None => counts.exact += times,
            Some(_) if has_finding => counts.findings += times,
            Some(problem) => counts.wrong.push(format!("{kind} {action}, after {place}, {times} times: {problem}")),
        }
    }
}

/// What is wrong with entries that were read in the middle of a change: but for one that is being written, they are
/// those of before or those of after it.
fn problem(found: &BTreeMap<(String, String), usize>, before: &Content, after: &Content) -> Option<String> {
    if *found == before.entries || *found == after.entries {
        return None;
    }
    let kept: BTreeMap<_, _> =
        before.entries.iter().filter(|(entry, times)| after.entries.get(*entry) == Some(times)).collect();
    let changed: Vec<&String> = before
        .entries
        .iter()
        .chain(&after.entries)
        .filter(|(entry, _)| !kept.contains_key(entry))
        .map(|((key, _), _)| key)
        .collect();
    for (entry, times) in &kept {
        if found.get(*entry) != Some(times) {
            return Some(format!("{entry:.80?} is there {:?} times", found.get(*entry)));
        }
    }
    // The runtime gives an elem's place away before the elem is in it, so that any elem is right; but in the middle
    // of a clear nothing is.
    let others: Vec<_> = found.iter().filter(|(entry, _)| !kept.contains_key(entry)).collect();
    let is_one = before.entries.values().sum::<usize>().abs_diff(after.entries.values().sum::<usize>()) <= 1;
    if !is_one && !others.is_empty() {
        return Some(format!("{} of {} entries are left", found.len(), before.entries.len()));
    }
    let is_written = |entry: &(String, String), times: usize| times == 1 && changed.contains(&&entry.0);
    let wrong = others.iter().find(|(entry, times)| !is_written(entry, **times));
    if let Some((entry, times)) = wrong {
        return Some(format!("{entry:.80?} is there {times} times"));
    }
    (others.len() > 1).then(|| format!("{others:.200?}"))
}

/// Steps through what brings a kind of map through all that it can go through.
fn walk(go: &Go, kind: &str, counts: &mut Counts) {
    let mut script = Script::start(&go.plainly());
    script.run("- quiet");
    let mut stepper = Stepper::of(&script);
    let mut one = |script: &mut Script, action: String, every| {
        // Before Go 1.21 there is no `clear`: the program deletes one key after the other, and each is a write.
        if go.minor >= 21 || action != "clear" {
            step(script, &mut stepper, kind, &action, every, counts);
        } else {
            script.run(&format!("{kind} clear"));
        }
    };

    // From nothing to a little more than one bucket or group, each instruction of it.
    script.run(&format!("{kind} make 0"));
    for key in 0..20 {
        one(&mut script, format!("put {key} {}", key + 100), 1);
    }
    // An overwriting, a deletion of what is there and of what isn't.
    one(&mut script, "put 3 777".to_owned(), 1);
    one(&mut script, "delete 4".to_owned(), 1);
    one(&mut script, "delete 4".to_owned(), 1);
    one(&mut script, "put 4 778".to_owned(), 1);
    one(&mut script, "clear".to_owned(), 1);
    one(&mut script, "put 1 1".to_owned(), 1);

    // Keys that come and go in a map that stays as large as it is: same-size growth, tombstones.
    script.run(&format!("{kind} make 0"));
    script.run(&format!("{kind} put 0 0 12"));
    for key in 12..if is_thorough() { 120 } else { 40 } {
        one(&mut script, format!("delete {}", key - 12), 7);
        one(&mut script, format!("put {key} {key}"), 7);
    }

    // Each growth of a larger one, and the evacuations that follow; the largest is the split of a Swiss table.
    let sizes: &[u32] = match (go.is_classic(), is_thorough()) {
        (true, true) => &[26, 52, 104, 416],
        (true, false) => &[26, 104],
        (false, true) => &[28, 56, 112, 448, 896],
        (false, false) => &[28, 896],
    };
    for size in sizes {
        script.run(&format!("{kind} make 0"));
        script.run(&format!("{kind} put 0 0 {}", size - 1));
        let every = u64::from(size / 10).max(1);
        for key in size - 1..size + 4 {
            one(&mut script, format!("put {key} {key}"), every);
        }
        one(&mut script, format!("delete {}", size / 2), 1);
    }
    // Tombstones in a full table, which Go since 1.25 prunes.
    script.run(&format!("{kind} make 0"));
    script.run(&format!("{kind} put 0 0 27"));
    script.run(&format!("{kind} delete 0 20"));
    for key in 100..108 {
        one(&mut script, format!("put {key} {key}"), 1);
    }
    script.run(&format!("{kind} put 0 0 2000"));
    one(&mut script, "clear".to_owned(), 50);
    script.end();
}

/// Each processor that this program may run on.
fn processors() -> Vec<CpuSet> {
    let allowed = sched_getaffinity(Pid::from_raw(0)).unwrap();
    let one = |cpu| {
        let mut one = CpuSet::new();
        one.set(cpu).unwrap();
        one
    };
    (0..CpuSet::count()).filter(|cpu| allowed.is_set(*cpu).unwrap()).map(one).collect()
}

#[test]
fn in_the_middle_of_any_write_the_entries_are_what_they_were_or_a_finding_says_so() {
    let kinds: &[&str] =
        if is_thorough() { &["int", "int32", "string", "point", "indirect", "set"] } else { &["string"] };
    let walked = &|(go, processor): (Go, CpuSet)| {
        sched_setaffinity(Pid::from_raw(0), &processor).unwrap();
        let mut counts = Counts::default();
        for kind in kinds {
            walk(&go, kind, &mut counts);
        }
        (go, counts)
    };
    let walks: Vec<(Go, Counts)> = thread::scope(|scope| {
        let walks: Vec<_> = toolchains()
            .into_iter()
            .zip(processors().into_iter().cycle())
            .map(|one| scope.spawn(move || walked(one)))
            .collect();
        walks.into_iter().map(|walk| walk.join().unwrap()).collect()
    });
    let mut all = Problems::default();
    for (go, counts) in walks {
        let Counts { writes, instructions, readings, exact, findings, wrong } = counts;
        figures::note(&json!({
            "proof": "steps", "go": go.name(), "writes": writes, "instructions": instructions, "readings": readings,
            "exact": exact, "findings": findings, "wrong": wrong.len(),
        }));
        all.add(&go.name(), &wrong);
    }
    all.settle();
}

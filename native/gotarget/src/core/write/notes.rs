//! The notes of a core that is written: what there is to say of a process beside its memory.

use std::fs;
use std::io;
use std::str::FromStr;

use object::elf::{
    NT_AUXV, NT_FILE, NT_FPREGSET, NT_PRPSINFO, NT_PRSTATUS, NT_SIGINFO, NT_X86_XSTATE, NoteHeader64, NoteType,
};
use object::{LittleEndian, U32, pod};
use trap::Saved;

use super::mappings::Mapping;
use super::{PAGE, padded};

/// Sizes and places in `struct elf_prstatus` (include/linux/elfcore.h, amd64).
const STATUS: usize = 336;
const STATUS_SIGNAL: usize = 12;
const STATUS_PENDING: usize = 16;
const STATUS_BLOCKED: usize = 24;
const STATUS_IDS: usize = 32;
const STATUS_REGISTERS: usize = 112;
const STATUS_HAS_FLOATING: usize = 328;

/// Sizes and places in `struct elf_prpsinfo` (include/linux/elfcore.h, amd64).
const PROCESS: usize = 136;
const PROCESS_NICE: usize = 3;
const PROCESS_FLAGS: usize = 8;
const PROCESS_OWNER: usize = 16;
const PROCESS_IDS: usize = 24;
const PROCESS_NAME: (usize, usize) = (40, 16);
const PROCESS_ARGUMENTS: (usize, usize) = (56, 80);

/// Letters of a process's state, in the order of their numbers (fs/binfmt_elf.c).
const STATES: &str = "RSDTZW";

/// All notes of a process with these stopped threads, the one first that others should look at first.
pub(super) fn notes(pid: i32, threads: &[Saved], mappings: &[Mapping]) -> io::Result<Vec<u8>> {
    let stat = Stat::of(pid)?;
    let mut notes = Vec::new();
    for (number, thread) in threads.iter().enumerate() {
        add(&mut notes, b"CORE\0", NT_PRSTATUS, &status(pid, thread, &stat));
        if number == 0 {
            // What is the process's own stands with the first thread, as in the kernel's cores.
            add(&mut notes, b"CORE\0", NT_PRPSINFO, &process(pid, &stat));
            add(&mut notes, b"CORE\0", NT_AUXV, &fs::read(format!("/proc/{pid}/auxv"))?);
            add(&mut notes, b"CORE\0", NT_FILE, &files(mappings));
        }
        if let Some(signal) = &thread.signal {
            add(&mut notes, b"CORE\0", NT_SIGINFO, signal);
        }
        add(&mut notes, b"CORE\0", NT_FPREGSET, &thread.floating);
        if !thread.extended.is_empty() {
            add(&mut notes, b"LINUX\0", NT_X86_XSTATE, &thread.extended);
        }
    }
    Ok(notes)
}

fn add(notes: &mut Vec<u8>, owner: &[u8], kind: NoteType, content: &[u8]) {
    let number = |len: usize| U32::new(LittleEndian, len as u32);
    let header: NoteHeader64<LittleEndian> = NoteHeader64 {
        n_namesz: number(owner.len()),
        n_descsz: number(content.len()),
        n_type: U32::new(LittleEndian, kind),
    };
    notes.extend(pod::bytes_of(&header));
    for part in [owner, content] {
        notes.extend(part);
        notes.resize(padded(notes.len() as u64, 4) as usize, 0);
    }
}

fn put(structure: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = structure.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

/// A thread's signals, numbers and registers.
fn status(pid: i32, thread: &Saved, stat: &Stat) -> Vec<u8> {
    let mut status = vec![0; STATUS];
    if let Some(signal) = &thread.signal {
        // Number and code of the signal; `siginfo_t` has another number between them.
        let word = |at: usize| signal.get(at..at + 4).unwrap_or_default();
        put(&mut status, 0, word(0));
        put(&mut status, 4, word(8));
        put(&mut status, 8, word(4));
        put(&mut status, STATUS_SIGNAL, signal.get(..2).unwrap_or_default());
    }
    let text = fs::read_to_string(format!("/proc/{pid}/task/{}/status", thread.tid)).unwrap_or_default();
    for (at, name) in [(STATUS_PENDING, "SigPnd:"), (STATUS_BLOCKED, "SigBlk:")] {
        let set = text.lines().find_map(|line| line.strip_prefix(name));
        let set = set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0);
        put(&mut status, at, &set.to_le_bytes());
    }
    for (index, id) in [thread.tid, stat.parent, stat.group, stat.session].into_iter().enumerate() {
        put(&mut status, STATUS_IDS + index * 4, &id.to_le_bytes());
    }
    put(&mut status, STATUS_REGISTERS, &thread.general);
    put(&mut status, STATUS_HAS_FLOATING, &1i32.to_le_bytes());
    status
}

/// What the process is called and whose it is.
fn process(pid: i32, stat: &Stat) -> Vec<u8> {
    let mut process = vec![0; PROCESS];
    let state = STATES.find(stat.state).unwrap_or(0) as u8;
    put(&mut process, 0, &[state, stat.state as u8, u8::from(stat.state == 'Z')]);
    put(&mut process, PROCESS_NICE, &stat.nice.to_le_bytes());
    put(&mut process, PROCESS_FLAGS, &stat.flags.to_le_bytes());
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    for (index, name) in ["Uid:", "Gid:"].into_iter().enumerate() {
        let id =
            status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse::<u32>().ok());
        put(&mut process, PROCESS_OWNER + index * 4, &id.unwrap_or(0).to_le_bytes());
    }
    for (index, id) in [pid, stat.parent, stat.group, stat.session].into_iter().enumerate() {
        put(&mut process, PROCESS_IDS + index * 4, &id.to_le_bytes());
    }
    let mut text = |(at, len): (usize, usize), file: &str| {
        let mut bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        // Both end with a zero, and the arguments have one between them.
        bytes.truncate(bytes.trim_ascii_end().len());
        while bytes.last() == Some(&0) {
            bytes.pop();
        }
        bytes.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b' ');
        bytes.truncate(len - 1);
        put(&mut process, at, &bytes);
    };
    text(PROCESS_NAME, "comm");
    text(PROCESS_ARGUMENTS, "cmdline");
    process
}

/// Which files are mapped where: the number of mappings, the unit of their offsets, three words for each, all names.
fn files(mappings: &[Mapping]) -> Vec<u8> {
    let files: Vec<&Mapping> = mappings.iter().filter(|mapping| mapping.is_file()).collect();
    let mut words = vec![files.len() as u64, PAGE];
    for file in &files {
        words.extend([file.start, file.end, file.offset / PAGE]);
    }
    let mut note: Vec<u8> = words.into_iter().flat_map(u64::to_le_bytes).collect();
    for file in files {
        note.extend(file.name.as_bytes());
        note.push(0);
    }
    note
}

/// What `/proc/PID/stat` says of a process (proc_pid_stat(5)).
struct Stat {
    state: char,
    parent: i32,
    group: i32,
    session: i32,
    flags: u64,
    nice: i8,
}

impl Stat {
    fn of(pid: i32) -> io::Result<Self> {
        let text = fs::read(format!("/proc/{pid}/stat"))?;
        let text = String::from_utf8_lossy(&text);
        // The program's name stands in parentheses and may have some itself.
        let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        fn field<T: FromStr + Default>(fields: &[&str], number: usize) -> T {
            fields.get(number).and_then(|text| text.parse().ok()).unwrap_or_default()
        }
        Ok(Stat {
            state: fields.first().and_then(|text| text.chars().next()).unwrap_or('R'),
            parent: field(&fields, 1),
            group: field(&fields, 2),
            session: field(&fields, 3),
            flags: field(&fields, 6),
            nice: field(&fields, 16),
        })
    }
}

//! Where the runtime keeps maps, goroutines and threads in a program that has no debug information: by the version
//! of its Go, as the debug information of programs built with it says on linux/amd64.

use gomap::{ClassicBits, ClassicLayout, Layout, SwissLayout, TableLayout};

use crate::descriptor::{AbiLayout, MapTypeLayout};
use crate::layout::{GLayout, MLayout, RuntimeLayout};
use crate::{Error, Program};

/// The versions of Go that are known: 1.18 to 1.27.
const KNOWN: std::ops::RangeInclusive<u32> = 18..=27;

/// The states of a goroutine, `_Gidle` … (src/runtime/runtime2.go); the last two since 1.26.
const STATUSES: [(u64, &str); 10] = [
    (0, "idle"),
    (1, "runnable"),
    (2, "running"),
    (3, "syscall"),
    (4, "waiting"),
    (6, "dead"),
    (8, "copystack"),
    (9, "preempted"),
    (10, "leaked"),
    (11, "deadextra"),
];

/// The number of a known version, 27 of 1.27.
fn minor(program: &Program) -> Result<u32, Error> {
    let version = program.version();
    let is_known = version.at_least(1, *KNOWN.start()) && !version.at_least(1, *KNOWN.end() + 1);
    if is_known { Ok(version.minor) } else { Err(Error::NoDwarf) }
}

pub(crate) fn runtime(program: &Program) -> Result<RuntimeLayout, Error> {
    let minor = minor(program)?;
    let (size, goid) = match minor {
        ..=20 => (392, 152),
        21 => (408, 152),
        22 => (424, 152),
        23 => (432, 160),
        24 => (440, 160),
        25 => (440, 152),
        _ => (456, 152),
    };
    let gopc = match minor {
        ..=20 => 296,
        21 | 22 | 25 => 280,
        _ => 288,
    };
    let procid = if minor <= 24 { 72 } else { 64 };
    let statuses = STATUSES.iter().filter(|(status, _)| minor >= 26 || *status < 10);
    Ok(RuntimeLayout {
        g: GLayout {
            size,
            goid,
            atomicstatus: goid - 8,
            waitreason: goid + 24,
            m: 48,
            sched_pc: 64,
            sched_sp: 56,
            sched_bp: if minor <= 24 { 104 } else { 96 },
            stack_lo: 0,
            stack_hi: 8,
            gopc,
            startpc: gopc + 16,
            parent_goid: (minor >= 21).then_some(gopc - 8),
        },
        m: MLayout { procid, curg: procid + 120, g0: 0, gsignal: procid + 8, id: if minor == 25 { 224 } else { 232 } },
        statuses: statuses.map(|(status, name)| (*status, (*name).to_owned())).collect(),
        wait_reasons: None,
    })
}

/// The offset of a field, of the few that are wanted besides.
pub(crate) fn field(program: &Program, type_name: &str, field: &str) -> Result<u64, Error> {
    let minor = minor(program)?;
    let swiss = has_swiss_maps(program, minor);
    let offset = match (type_name, field) {
        ("runtime.m", "alllink") => match minor {
            ..=21 => 336,
            22 | 23 => 328,
            25 => 344,
            _ => 352,
        },
        ("runtime.m", "vdsoSP") => vdso_sp(minor),
        ("runtime.m", "vdsoPC") => vdso_sp(minor) + 8,
        ("runtime.g", "waitsince") => runtime(program)?.g.goid + 16,
        ("runtime.g", "waiting") => runtime(program)?.g.gopc + 32,
        ("runtime.sudog", "waitlink") => {
            if minor <= 25 {
                64
            } else {
                72
            }
        }
        ("runtime.sudog", "c") => {
            if minor <= 25 {
                80
            } else {
                88
            }
        }
        ("runtime.maybeTraceablePtr", "vu") if minor >= 26 => 8,
        ("runtime.g", "_panic") => 32,
        ("runtime._panic", "arg") if minor <= 25 => 8,
        ("runtime._panic", "arg") => 0,
        ("runtime.hiter", "t") | ("internal/runtime/maps.Iter", "typ") if swiss == type_name.ends_with("Iter") => 16,
        ("runtime.hiter", "h") | ("internal/runtime/maps.Iter", "m") if swiss == type_name.ends_with("Iter") => 24,
        _ => return Err(Error::NoDwarf),
    };
    Ok(offset)
}

/// Where an `m` keeps the stack pointer of a call into the vDSO.
fn vdso_sp(minor: u32) -> u64 {
    match minor {
        ..=20 => 800,
        21 => 808,
        22 => 1120,
        23 => 856,
        24 => 904,
        _ => 896,
    }
}

/// Up to 1.25 classic maps can be chosen by GOEXPERIMENT=noswissmap: they evacuate.
fn has_swiss_maps(program: &Program, minor: u32) -> bool {
    minor >= 24 && program.function("runtime.evacuate").is_none()
}

pub(crate) fn map(program: &Program) -> Result<Layout, Error> {
    let minor = minor(program)?;
    if !has_swiss_maps(program, minor) {
        // With GOEXPERIMENT=noswissmap in 1.24 and 1.25 they have one field more.
        let more = if minor >= 24 { 8 } else { 0 };
        return Ok(Layout::Classic(ClassicLayout {
            size: 48 + more,
            count: 0,
            flags: 8,
            b: 9,
            noverflow: 10,
            hash0: 12,
            buckets: 16,
            oldbuckets: 24,
            nevacuate: 32,
            clear_seq: (more > 0).then_some(40),
            extra: 40 + more,
            bits: ClassicBits::GO,
        }));
    }
    Ok(Layout::Swiss(SwissLayout {
        size: 48,
        used: 0,
        seed: 8,
        dir_ptr: 16,
        dir_len: 24,
        global_depth: 32,
        global_shift: 33,
        writing: 34,
        clear_seq: 40,
        tombstone_possible: (minor >= 25).then_some(35),
        table: TableLayout {
            size: 32,
            used: 0,
            capacity: 2,
            growth_left: 4,
            local_depth: 6,
            index: 8,
            groups_data: 16,
            groups_length_mask: 24,
        },
    }))
}

pub(crate) fn abi(program: &Program) -> Result<AbiLayout, Error> {
    let minor = minor(program)?;
    let (size, flags) = match minor {
        _ if !has_swiss_maps(program, minor) => (88, 84),
        ..=26 => (112, 104),
        _ => (136, 128),
    };
    Ok(AbiLayout {
        size: 48,
        type_size: 0,
        hash: 16,
        tflag: 20,
        kind: 23,
        equal: 24,
        str: 40,
        map: MapTypeLayout { size, key: 48, elem: 56, unit: 64, hasher: 72, flags },
    })
}

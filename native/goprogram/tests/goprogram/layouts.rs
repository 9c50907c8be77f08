//! Layouts, against what each Go version is known to have.

use gomap::{ClassicBits, ClassicLayout, Layout, SwissLayout, TableLayout};
use goprogram::{GLayout, LinkAddr, MLayout, TypeKind};

use crate::build::{Mode, program, toolchains, with_each, with_noswissmap};

#[test]
fn map_headers_are_laid_out_as_each_go_has_them() {
    with_each(|go, program| {
        let expected = if go.minor < 24 {
            Layout::Classic(ClassicLayout {
                size: 48,
                count: 0,
                flags: 8,
                b: 9,
                noverflow: 10,
                hash0: 12,
                buckets: 16,
                oldbuckets: 24,
                nevacuate: 32,
                clear_seq: None,
                extra: 40,
                bits: ClassicBits { iterator: 1, old_iterator: 2, hash_writing: 4, same_size_grow: 8 },
            })
        } else {
            Layout::Swiss(SwissLayout {
                size: 48,
                used: 0,
                seed: 8,
                dir_ptr: 16,
                dir_len: 24,
                global_depth: 32,
                global_shift: 33,
                writing: 34,
                clear_seq: 40,
                tombstone_possible: (go.minor >= 25).then_some(35),
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
            })
        };
        assert_eq!(*program.map_layout().unwrap(), expected, "{}", go.version);
    });
}

#[test]
fn noswissmap_brings_classic_maps_back() {
    let Some(go) = with_noswissmap() else { return };
    let program = program(&go, Mode::NoSwissMap);
    let Layout::Classic(layout) = program.map_layout().unwrap() else { panic!("Swiss maps") };
    // Classic maps of these versions have one field more.
    assert_eq!((layout.size, layout.flags, layout.clear_seq, layout.extra), (56, 8, Some(40), 48));
    assert_eq!(layout.bits, ClassicBits::GO);
    let fatal: Vec<String> = program.fatal_functions().into_iter().map(|function| function.name).collect();
    assert_eq!(fatal, ["runtime.fatal"]);
    assert!(program.version().text.contains(&go.version), "{}", program.version());
}

#[test]
fn goroutines_and_threads_are_laid_out_as_each_go_has_them() {
    with_each(|go, program| {
        let layout = program.runtime_layout().unwrap();
        let (goid, atomicstatus) = if matches!(go.minor, 23 | 24) { (160, 152) } else { (152, 144) };
        let (procid, curg) = if go.minor < 25 { (72, 192) } else { (64, 184) };
        let GLayout { m, sched_sp, sched_pc, sched_bp, stack_lo, stack_hi, parent_goid, .. } = layout.g;
        assert_eq!((layout.g.goid, layout.g.atomicstatus), (goid, atomicstatus), "{}", go.version);
        assert_eq!((m, sched_sp, sched_pc, stack_lo, stack_hi), (48, 56, 64, 0, 8));
        // gobuf lost `ret` in 1.25.
        assert_eq!(sched_bp, if go.minor < 25 { 104 } else { 96 });
        assert_eq!(parent_goid.is_some(), go.minor >= 21);
        let MLayout { procid: found_procid, curg: found_curg, g0, .. } = layout.m;
        assert_eq!((found_procid, found_curg, g0), (procid, curg, 0), "{}", go.version);
    });
}

#[test]
fn goroutine_states_have_names() {
    with_each(|go, program| {
        let layout = program.runtime_layout().unwrap();
        let statuses: Vec<(u64, &str)> = layout.statuses.iter().map(|(value, name)| (*value, name.as_str())).collect();
        let mut expected = vec![
            (0, "idle"),
            (1, "runnable"),
            (2, "running"),
            (3, "syscall"),
            (4, "waiting"),
            (6, "dead"),
            (8, "copystack"),
            (9, "preempted"),
        ];
        if go.minor >= 26 {
            expected.extend([(10, "leaked"), (11, "deadextra")]);
        }
        // Which of the two newest a version has is its own affair.
        assert!(statuses.iter().all(|status| expected.contains(status)), "{statuses:?}");
        assert_eq!(statuses[..8], expected[..8]);

        let reasons = layout.wait_reasons.as_ref().unwrap();
        let TypeKind::Array { elem, len } = program.ty(reasons.ty).unwrap().kind else { panic!() };
        assert_eq!(program.ty(elem).unwrap().kind, TypeKind::String);
        assert!(len > 20);
    });
}

#[test]
fn a_stripped_program_is_laid_out_as_its_debug_information_would_say() {
    let mut pairs: Vec<_> = toolchains().into_iter().map(|go| (go, Mode::Plain, Mode::Stripped)).collect();
    pairs.extend(with_noswissmap().map(|go| (go, Mode::NoSwissMap, Mode::StrippedNoSwissMap)));
    for (go, plain, stripped) in pairs {
        let (plain, stripped) = (program(&go, plain), program(&go, stripped));
        assert!(plain.has_dwarf() && !stripped.has_dwarf());
        let (told, known) = (plain.runtime_layout().unwrap(), stripped.runtime_layout().unwrap());
        assert_eq!((told.g, told.m), (known.g, known.m), "{}", go.version);
        assert!(told.statuses.iter().all(|status| known.statuses.contains(status)), "{}", go.version);
        assert_eq!(plain.map_layout().unwrap(), stripped.map_layout().unwrap(), "{}", go.version);
        assert_eq!(plain.abi_layout().unwrap(), stripped.abi_layout().unwrap(), "{}", go.version);
        let copies = [&plain, &stripped].map(|program| program.field_offset("runtime.maybeTraceablePtr", "vu").ok());
        assert_eq!(copies[0], copies[1], "{}", go.version);
        let iterators = [("runtime.hiter", "t"), ("runtime.hiter", "h")];
        let iterators =
            iterators.into_iter().chain([("internal/runtime/maps.Iter", "typ"), ("internal/runtime/maps.Iter", "m")]);
        let others = [
            ("runtime.m", "alllink"),
            ("runtime.m", "vdsoSP"),
            ("runtime.m", "vdsoPC"),
            ("runtime.g", "waitsince"),
            ("runtime.g", "waiting"),
            ("runtime.sudog", "waitlink"),
            ("runtime.sudog", "c"),
            ("runtime.g", "_panic"),
            ("runtime._panic", "arg"),
        ];
        for (ty, field) in iterators.chain(others) {
            let (told, known) = (plain.field_offset(ty, field).ok(), stripped.field_offset(ty, field).ok());
            // A program with Swiss maps may have the type of the other iterator for package reflect.
            assert!(told == known || known.is_none(), "{} {ty}.{field}: {told:?} {known:?}", go.version);
            assert!(known.is_some() || ty.ends_with("ter"), "{} {ty}.{field}", go.version);
        }
        let allgs = plain.symbol("runtime.allgs").unwrap().addr;
        assert_eq!(plain.all_goroutines().unwrap(), allgs);
        assert!(stripped.symbol("runtime.allgs").is_none());
        // The linker puts data where it would without -s, give or take a few pages.
        assert!(stripped.all_goroutines().unwrap().0.abs_diff(allgs.0) < 1 << 20, "{}", go.version);
    }
}

#[test]
fn a_stripped_program_is_unwound_by_gos_own_table() {
    for go in toolchains() {
        let (plain, stripped) = (program(&go, Mode::Plain), program(&go, Mode::Stripped));
        let mut compared = 0;
        for known in stripped.functions().filter(|function| function.name.starts_with("main.")) {
            let Some(told) = plain.function(&known.name) else { continue };
            // Go's table has no ends: a function's padding is its own there.
            let len = told.end.0 - told.entry.0;
            assert!(len <= known.end.0 - known.entry.0, "{} {}", go.version, known.name);
            for offset in 0..len {
                let rule =
                    |program: &goprogram::Program, entry: LinkAddr| program.caller_frame(LinkAddr(entry.0 + offset));
                // Between the last instruction and the next function only one of them may say something.
                if let (Ok(told), Ok(known)) = (rule(&plain, told.entry), rule(&stripped, known.entry)) {
                    assert_eq!(told, known, "{} {offset:#x}", go.version);
                    compared += 1;
                }
            }
        }
        assert!(compared > 1000, "{}: {compared}", go.version);
    }
}

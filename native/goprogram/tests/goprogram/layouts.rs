//! Layouts, against what each Go version is known to have.

use gomap::{ClassicBits, ClassicLayout, Layout, SwissLayout, TableLayout};
use goprogram::{GLayout, MLayout, TypeKind};

use crate::build::{Mode, program, with_each, with_noswissmap};

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

use report::{AccessKind, Certainty, CulpritReport, Party, UseLine, UserLine, UserList};

use crate::{frame, json, plain};

fn culprit() -> CulpritReport {
    CulpritReport {
        address: 0xc0_0001_2180,
        certainty: Certainty::Likely,
        reasons: vec!["wrote to it 812 times within 5.0 s, and nobody else did".into()],
        access: Party {
            kind: AccessKind::Write,
            goroutine: Some(18),
            g: 0xc0_0000_6a80,
            thread: Some(4711),
            whereabouts: "wrote to it 812 times within 5.0 s".into(),
            stack: vec![frame("main.writerA", 23)],
            created_by: None,
        },
    }
}

#[test]
fn the_other_culprit_is_shown_with_what_speaks_for_it() {
    assert_eq!(
        plain(&culprit()),
        "\
==================
THE OTHER CULPRIT, most likely: wrote to it 812 times within 5.0 s, and nobody else did
Previous write at 0x00c000012180 by goroutine 18:
  main.writerA()
      /src/clobber/main.go:23 +0x1d

Goroutine 18 (thread 4711, wrote to it 812 times within 5.0 s) created where is not known
==================
"
    );
    let json = json(&culprit());
    assert_eq!((json["address"].as_str(), json["certainty"].as_str()), (Some("0xc000012180"), Some("likely")));
    let proven = plain(&CulpritReport { certainty: Certainty::Proven, ..culprit() });
    assert!(proven.contains("\nTHE OTHER CULPRIT: wrote"), "{proven}");
    let possible = plain(&CulpritReport { certainty: Certainty::Possible, ..culprit() });
    assert!(possible.contains("\nSUSPECT: wrote"), "{possible}");
}

fn users() -> UserList {
    let used = |kind, count, line| UseLine { kind, count, stack: vec![frame("main.use", line)] };
    let uses = vec![used(AccessKind::Write, 812, 23), used(AccessKind::Iteration, 1, 29)];
    let other = vec![used(AccessKind::Read, 1, 31)];
    UserList {
        seconds: 5.0,
        users: vec![
            UserLine { goroutine: Some(18), g: 0xc0_0000_6a80, uses },
            UserLine { goroutine: None, g: 0xc0_0000_7180, uses: other },
        ],
        by_others: 0,
        lost: 0,
    }
}

#[test]
fn who_uses_a_map_is_listed() {
    assert_eq!(
        plain(&users()),
        "\
Who else used the map within 5.0 s:
  goroutine 18       812 writes        main.use main.go:23
                     1 iteration step  main.use main.go:29
  goroutine unknown  1 read            main.use main.go:31

Write by goroutine 18:
  main.use()
      /src/clobber/main.go:23 +0x1d

Iteration by goroutine 18:
  main.use()
      /src/clobber/main.go:29 +0x1d

Read by goroutine unknown:
  main.use()
      /src/clobber/main.go:31 +0x1d
"
    );
    assert_eq!(json(&users())["users"][0]["uses"][0]["count"], 812);
    let twin = UserLine { goroutine: Some(19), ..users().users.remove(0) };
    let twins = plain(&UserList { users: users().users.into_iter().chain([twin]).collect(), ..users() });
    assert!(twins.contains("\nWrite by goroutine 18, goroutine 19:\n"), "{twins}");
    assert_eq!(twins.matches("main.go:23 +").count(), 1, "{twins}");
    let lost = plain(&UserList { lost: 3, ..users() });
    assert!(lost.contains("\n  3 accesses were lost: there may have been others\n\nWrite by "), "{lost}");
    let later = plain(&UserList { by_others: 44, ..users() });
    assert!(later.contains("\n  and 44 accesses by goroutines that came later\n\nWrite by "), "{later}");
    let nobody = plain(&UserList { users: Vec::new(), ..users() });
    assert_eq!(nobody, "Who else used the map within 5.0 s: nobody\n");
}

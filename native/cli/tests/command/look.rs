//! `header`, `check`, `maps`, `goroutines`, `locals`, and cores.

use std::process::Command;

use serde_json::{Value, json};

use crate::target::{Target, build, redhanded};

#[test]
fn all_map_variables_are_listed_with_what_their_headers_say() {
    let target = Target::start(&["100"]);
    let said = target.redhanded(&["maps", "main.", "--json"]);
    let lines = said.json();
    let (last, maps) = lines.split_last().unwrap();
    let map = |name: &str| maps.iter().find(|map| map["name"] == name).unwrap().clone();
    assert_eq!((&map("main.shared")["len"], &map("main.shared")["writing"]), (&json!(100), &json!(false)));
    assert_eq!((&map("main.none")["shape"], &map("main.none")["address"]), (&json!("nil"), &json!("0x0")));
    assert_eq!(map("main.users")["type"], "map[string]main.User");
    assert_eq!((&last["schema"], &last["maps"], &last["nil"]), (&json!("redhanded.maps/1"), &json!(7), &json!(1)));
    let text = target.redhanded(&["maps", "main.sh"]).clean();
    assert!(text.starts_with("main.shared  map[int]int  0x") && text.contains("100 entries"), "{text}");
}

#[test]
fn a_header_is_shown_in_both_kinds_of_map() {
    for (target, kind) in [(Target::start(&["100"]), "swiss"), (Target::start_classic(&["100"]), "classic")] {
        let header = &target.redhanded(&["header", "main.shared", "--json"]).json()[0];
        assert_eq!((&header["kind"], &header["len"]), (&json!(kind), &json!(100)));
        assert!(target.redhanded(&["header", "main.shared"]).clean().contains("hash seed"));
    }
}

#[test]
fn sound_maps_are_found_sound() {
    for target in [Target::start(&["5000"]), Target::start_classic(&["5000"])] {
        let text = target.redhanded(&["check", "main.shared"]).clean();
        assert!(text.ends_with(": 5000 entries, sound\n"), "{text}");
        let text = target.redhanded(&["check"]).clean();
        assert!(text.ends_with(" checked, 0 with findings\n"), "{text}");
        let report = &target.redhanded(&["check", "--json"]).json()[0];
        assert_eq!(report["schema"], "redhanded.check/1");
        let shared = report["maps"].as_array().unwrap().iter().find(|map| map["map"]["expression"] == "main.shared");
        assert_eq!(shared.unwrap()["entries"], 5000);
    }
}

/// The number of the goroutine that waits with locals to look at.
fn waiting(said: &[Value]) -> String {
    let all = said[0]["goroutines"].as_array().unwrap();
    let is_it = |goroutine: &&Value| goroutine["at"]["function"] == "main.waits";
    all.iter().find(is_it).expect("main.waits")["goroutine"].to_string()
}

#[test]
fn locals_of_a_goroutine_are_listed_and_can_be_named() {
    let target = Target::run(&crate::target::build_with(|_| true, &["-gcflags=all=-N -l"]), &["3"]);
    let goroutine = waiting(&target.redhanded(&["goroutines", "--json"]).json());
    let text = target.redhanded(&["locals", "--goroutine", &goroutine]).clean();
    assert!(text.starts_with("main.waits main.go:"), "{text}");
    assert!(text.contains("\n  number: int = 28\n") && text.contains("\n  text: string = \"local 28\"\n"), "{text}");
    let said = target.redhanded(&["print", "local", "--count", "--goroutine", &goroutine]);
    assert_eq!(said.clean(), "4\n");
    let said = target.redhanded(&["get", "local", "bob", "--goroutine", &goroutine, "--json"]);
    assert_eq!(said.json()[0]["elem"]["Age"], 30);
    let error = target.redhanded(&["locals", "--goroutine", &goroutine, "--frame", "99"]).error();
    assert!(error.contains("has no frame 99") && error.contains("(main.waits)"), "{error}");
}

#[test]
fn a_core_is_read_as_the_process_was() {
    let target = Target::start(&["1000"]);
    let prefix = tempfile::tempdir().unwrap();
    let Ok(made) = Command::new("gcore").arg("-o").arg(prefix.path().join("core")).arg(target.pid()).output() else {
        eprintln!("skipped: no gcore");
        return;
    };
    let core = prefix.path().join(format!("core.{}", target.pid()));
    assert!(core.exists(), "{}", String::from_utf8_lossy(&made.stderr));
    let live = target.redhanded(&["print", "main.shared"]).clean();
    target.end();
    let core = core.to_str().unwrap();
    assert_eq!(redhanded(&["print", "--core", core, "main.shared"]).clean(), live);
    let file = build(|_| true);
    let said = redhanded(&["get", "--core", core, "--exe", file.to_str().unwrap(), "main.shared", "999"]);
    assert_eq!(said.clean(), "main.shared[999] = 998001\n");
    assert!(redhanded(&["check", "--core", core]).clean().ends_with(" 0 with findings\n"));
    let goroutine = waiting(&redhanded(&["goroutines", "--core", core, "--json"]).json());
    assert!(redhanded(&["locals", "--core", core, "--goroutine", &goroutine]).clean().contains("text: string"));
}

#[test]
fn a_map_that_is_written_is_not_called_damaged() {
    for target in [Target::start(&["3", "hammer"]), Target::start_classic(&["3", "hammer"])] {
        for stop in [&[][..], &["--stop"]] {
            for _ in 0..5 {
                let said = target.redhanded(&[&["check", "main.hammered", "--json"], stop].concat());
                let map = &said.json()[0]["maps"][0];
                let verdicts = map["findings"].as_array().unwrap().iter().map(|finding| finding["verdict"].clone());
                assert_eq!(verdicts.filter(|verdict| verdict != "being_written").count(), 0, "{map}");
            }
        }
    }
}

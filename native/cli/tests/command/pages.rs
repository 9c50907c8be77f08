//! `doctor`, completions, manual pages.

use std::fs;

use serde_json::json;

use crate::target::{Target, redhanded};

#[test]
fn the_doctor_tells_what_works_and_what_does_not() {
    let target = Target::start(&["3"]);
    let said = target.redhanded(&["doctor", "--json"]);
    let report = &said.json()[0];
    assert_eq!(report["schema"], "redhanded.doctor/1");
    let examined = |name: &str| {
        let all = report["examined"].as_array().unwrap();
        all.iter().find(|one| one["name"] == name).unwrap().clone()
    };
    // These tests read and stop processes themselves.
    assert_eq!(examined("read a process")["ok"], json!(true), "{report}");
    assert_eq!(examined("stop a process")["ok"], json!(true), "{report}");
    assert_eq!(examined("this process")["ok"], json!(true), "{report}");
    assert_eq!(said.status, i32::from(report["ok"] != json!(true)));
    let gone = target.end();
    let said = redhanded(&["doctor", "-p", &gone]);
    assert_eq!(said.status, 1);
    assert!(said.out.contains("NO   this process"), "{}", said.out);
}

#[test]
fn completions_are_written_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = redhanded(&["completions", shell]).clean();
        assert!(script.contains("redhanded") && script.contains("max-string"), "{shell}");
    }
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    assert!(redhanded(&["man"]).clean().contains(".TH redhanded"));
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("man1");
    redhanded(&["man", "--dir", into.to_str().unwrap()]).clean();
    for command in ["print", "get", "header", "check", "maps", "goroutines", "locals", "doctor", "completions", "man"] {
        let page = fs::read_to_string(into.join(format!("redhanded-{command}.1"))).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{command}");
    }
    let error = redhanded(&["man", "--dir", "/proc/nowhere"]).error();
    assert!(error.contains("/proc/nowhere"), "{error}");
}

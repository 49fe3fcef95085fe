//! Faults, their policies and limits, stage by stage.

use std::fs;

use serde_json::Value;

use super::support::through;
use crate::support::pipelines::Files;

#[test]
fn each_stage_has_its_own_policy() {
    let files = Files::new(
        "[faults]\non_fault = \"skip\"\n[sources.stdin]\n\
         [stages.inc]\ntype = \"map\"\nplugin = \"$PLUGINS/inc.wasm\"\n\
         [stages.pluck]\nkey = \"x\"\non_fault = { divert = \"dead\" }\n[sinks.stdout]\n",
    );
    let did = files.run("one\n7\n");
    assert_eq!((did.code, &*did.stdout), (Some(1), ""));
    assert!(did.stderr.contains("1 record put aside in"), "{}", did.stderr);
    let letter: Value = serde_json::from_str(&files.read("dead")).unwrap();
    assert_eq!(
        (&letter["number"], &letter["function"], &letter["record"]),
        (&2.into(), &"pluck".into(), &"8".into())
    );
}

#[test]
fn a_fault_ends_the_run_naming_its_stage() {
    let did = through(
        "[stages.user]\ntype = \"pluck\"\nkey = \"user\"",
        "{\"user\":1}\n{\"usr\":2}\n{\"user\":3}\n",
    );
    let line = "engine: record 2: user: \"{\\\"usr\\\":2}\" has no field \"user\"\n";
    assert_eq!((did.code, &*did.stdout, &*did.stderr), (Some(1), "1\n", line));
}

#[test]
fn limits_apply_per_stage() {
    let did = through(
        "[limits]\ntimeout = \"10m\"\n[stages.map]\nplugin = \"$HOSTILE/misdeeds.wasm\"\nfunction = \"sleeps\"\ntimeout = \"50ms\"",
        "1000000\n",
    );
    assert_eq!(
        (did.code, &*did.stderr),
        (Some(1), "engine: record 1: sleeps (node map): took longer than 50ms\n")
    );
}

#[test]
fn nodes_may_share_a_dead_letter_file_and_all_are_counted() {
    let pluck = |name: &str, path: &str| {
        format!(
            "[stages.{name}]\ntype = \"pluck\"\nkey = \"x\"\nfrom = \"stdin\"\non_fault = {{ divert = \"{path}\" }}\n[sinks.{name}_out]\ntype = \"stdout\"\n"
        )
    };
    let two = |one: &str, other: &str| {
        let files = Files::new(&format!("[sources.stdin]\n{}{}", pluck("a", one), pluck("b", other)));
        fs::create_dir(files.path("d")).unwrap();
        let did = files.run("{}\n{}\n");
        assert_eq!(did.code, Some(1), "{}", did.stderr);
        (files, did.stderr)
    };
    let (files, _) = two("dead", "d/../dead");
    assert_eq!(files.read("dead").lines().count(), 4);
    let (files, told) = two("one", "other");
    assert_eq!((files.read("one").lines().count(), files.read("other").lines().count()), (2, 2));
    assert!(told.contains("/one\n") && told.contains("/other\n"), "{told}");
}

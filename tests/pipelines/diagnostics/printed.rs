//! All diagnostics of a file, and how the command prints them.

use std::fs;

use expect_test::expect;

use super::support::check;
use crate::support::{engine, fed};

#[test]
fn all_diagnostics_come_at_once_and_in_order() {
    check(
        "[sources.files]\npath = \"nothing\"\n[stages.map]\nplugin = \"$PLUGINS/words.wasm\"\nfunction = \"long\"\n\
         [stages.slice]\nstart = -1\n[sinks.stdout]\nfrom = \"slise\"\n",
        expect![[r#"
            p.toml:2:8: files: can't read nothing: No such file or directory (os error 2)
            p.toml:4:10: map: long is a filter function and can't be used as a map (write type = "filter")
            p.toml:7:9: start: expected a whole number from 0, found -1
            p.toml:9:8: there is no node named slise (did you mean slice?)"#]],
    );
}

#[test]
fn the_command_prints_diagnostics_as_lines_or_json() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.toml");
    fs::write(&path, "[sources.stdin]\n[sinks.stdout]\nnul = true\n").unwrap();
    let path = path.display().to_string();
    for command in ["run", "check", "graph"] {
        let did = fed(engine([command, &path]), "a\n");
        let line = format!("{path}:3:1: stdout has no option nul (did you mean null?)\n");
        assert_eq!((did.code, &*did.stdout, &*did.stderr), (Some(2), "", &*line), "{command}");
    }
    let did = fed(engine(["check", "--json", &path]), "");
    let found: serde_json::Value = serde_json::from_str(&did.stdout).unwrap();
    assert_eq!(
        (did.code, &found[0]["line"], &found[0]["help"]),
        (Some(2), &3.into(), &"did you mean null?".into())
    );
    let did = fed(engine(["run", "--unordered", &path]), "");
    assert!(
        did.stderr.starts_with("engine: --unordered can't be used with a pipeline file"),
        "{}",
        did.stderr
    );
    let did = fed(engine(["check", "nothing.toml"]), "");
    assert_eq!((did.code, did.stderr.lines().count()), (Some(2), 1), "{}", did.stderr);
}

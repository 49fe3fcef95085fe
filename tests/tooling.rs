//! `engine new`, `build` and `inspect`.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{engine, fed, plugin};

/// Makes a crate of each template; they share a target folder.
fn made(template: &str, name: &str, folder: &Path) {
    let did = fed(engine(["new", "--template", template, &folder.join(name).display().to_string()]), "");
    assert_eq!(did.code, Some(0), "{}", did.stderr);
}

fn target() -> std::path::PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("made")
}

#[test]
fn each_template_builds_passes_its_test_and_runs() {
    // Outside the repository, so that none of its files is found by accident.
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&str, &str, &[&str], &str); 5] = [
        ("map", "add", &["-a", "step=2"], "3\n4\n"),
        ("filter", "keep", &["-a", "word=2"], "2\n"),
        ("flat-map", "split", &[], "1\n2\n"),
        ("accumulate", "sum", &[], "1\n3\n"),
        ("sink", "show", &[], "> 1\n> 2\n"),
    ];
    for (template, name, args, expected) in cases {
        made(template, name, folder.path());
        let path = folder.path().join(name);
        let tested = Command::new("cargo")
            .args(["test", "--quiet"])
            .current_dir(&path)
            .env("CARGO_TARGET_DIR", target())
            .output();
        let tested = tested.unwrap();
        assert!(tested.status.success(), "{template}: {}", String::from_utf8_lossy(&tested.stderr));

        let mut build = engine(["build", name]);
        build.current_dir(folder.path()).env("CARGO_TARGET_DIR", target());
        let built = fed(build, "");
        assert_eq!(built.code, Some(0), "{}", built.stderr);
        assert!(!built.stderr.contains("warning"), "{}", built.stderr);
        let wasm = folder.path().join(name).with_extension("wasm");
        assert!(fs::metadata(&wasm).unwrap().len() < 200_000);

        let mut run = engine(["run", "-p", &wasm.display().to_string()]);
        run.args(args);
        assert_eq!(fed(run, "1\n2\n").stdout, expected, "{template}");
    }
}

#[test]
fn a_crate_folder_is_a_plugin_and_is_rebuilt_when_changed() {
    let folder = tempfile::tempdir().unwrap();
    made("map", "changing", folder.path());
    let path = folder.path().join("changing");
    let run = || {
        let mut command = engine(["run", "-p", &path.display().to_string()]);
        command.env("CARGO_TARGET_DIR", target());
        fed(command, "1\n")
    };
    assert_eq!(run().stdout, "2\n");
    let source = fs::read_to_string(path.join("src/lib.rs")).unwrap();
    fs::write(path.join("src/lib.rs"), source.replace("x + step", "x - step")).unwrap();
    assert_eq!(run().stdout, "0\n");
    fs::write(path.join("src/lib.rs"), "fn").unwrap();
    let did = run();
    assert_eq!((did.code, &*did.stdout), (Some(2), ""));
    assert!(did.stderr.ends_with(&format!("engine: {} does not build\n", path.display())), "{}", did.stderr);
}

#[test]
fn build_warns_of_what_no_function_declares() {
    let folder = tempfile::tempdir().unwrap();
    made("map", "reaches", folder.path());
    let path = folder.path().join("reaches");
    let source = "//! Reads the clock, and a file.\n\
                  #[engine_sdk::map]\n\
                  fn reaches(path: &str) -> std::io::Result<String> {\n\
                      Ok(format!(\"{:?} {}\", std::time::SystemTime::now(), std::fs::read_to_string(path)?))\n\
                  }\n";
    let warnings = |source: &str| {
        fs::write(path.join("src/lib.rs"), source).unwrap();
        let mut build = engine(["build", "reaches"]);
        build.current_dir(folder.path()).env("CARGO_TARGET_DIR", target());
        let built = fed(build, "");
        assert_eq!(built.code, Some(0), "{}", built.stderr);
        let lines =
            built.stderr.lines().filter_map(|line| line.strip_prefix("engine: warning: reaches.wasm can "));
        lines.map(|line| line.split(',').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(warnings(source), ["use the time of day", "use files"]);
    let declared = |needs| source.replace("::map]", &format!("::map(needs({needs}))]"));
    assert_eq!(warnings(&declared("\"clock\"")), ["use files"]);
    assert!(warnings(&declared("\"clock\", \"dir:notes:ro\"")).is_empty());
}

#[test]
fn new_refuses_existing_names_and_folders() {
    let folder = tempfile::tempdir().unwrap();
    let new = |name: &str| fed(engine(["new", &folder.path().join(name).display().to_string()]), "");
    for name in ["Inc", "1st", "fn", "a b", "engine-sdk", "engine_sdk_macros"] {
        let did = new(name);
        assert_eq!((did.code, did.stderr.lines().count()), (Some(2), 1), "{name}: {}", did.stderr);
    }
    fs::create_dir_all(folder.path().join("there/notes")).unwrap();
    let did = new("there");
    assert!(did.code == Some(2) && did.stderr.contains("there is not empty: "), "{}", did.stderr);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else was made");
}

#[test]
fn new_fills_the_current_folder_if_it_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let current = folder.path().join("doubles");
    fs::create_dir(&current).unwrap();
    let new = || {
        let mut command = engine(["new", "."]);
        command.current_dir(&current);
        fed(command, "")
    };
    assert_eq!(new().code, Some(0));
    assert!(fs::read_to_string(current.join("Cargo.toml")).unwrap().contains("name = \"doubles\""));
    assert!(fs::read_to_string(current.join("src/lib.rs")).unwrap().contains("fn doubles("));
    let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.collect::<Vec<_>>(), ["doubles"], "nothing else is left");
    let did = new();
    assert!(did.code == Some(2) && did.stderr.contains(". is not empty: "), "{}", did.stderr);
}

#[test]
fn inspect_shows_what_is_in_a_plugin() {
    let path = plugin("words").display().to_string();
    let did = fed(engine(["inspect", &path]), "");
    assert!(did.stdout.contains("  flat-map words: text → text\n"), "{}", did.stdout);
    assert!(did.stdout.contains("--arg letters="), "{}", did.stdout);
    let did = fed(engine(["inspect", "--json", &path]), "");
    let json: serde_json::Value = serde_json::from_str(&did.stdout).unwrap();
    assert_eq!(json["functions"][1]["kind"], "flat-map");
    assert_eq!(json["functions"][0]["parameters"][0]["shape"]["schema"]["type"], "integer");
    assert_eq!(json["blake3"].as_str().unwrap().len(), 64);
}

#[test]
fn completions_exist_for_shells() {
    for shell in ["bash", "fish", "zsh"] {
        assert!(fed(engine(["completions", shell]), "").stdout.contains("inspect"), "{shell}");
    }
}

//! Usage errors on the command line: one clear line, an exit code, and nothing runs.

use std::fs;

use crate::support::{Did, engine, fed, function_of, hostile, plugin};

/// Runs, and expects this error line; `$X` stand for paths.
#[track_caller]
fn wrong(args: &[&str], line: &str) {
    let Did { code, stdout, stderr } = fed(engine(["run"].iter().chain(args)), "1\n2\n");
    assert_eq!(stderr, format!("engine: {line}\n"));
    assert_eq!((code, &*stdout), (Some(2), ""));
}

fn inc() -> String {
    plugin("inc").display().to_string()
}

#[test]
fn no_such_file_or_crate() {
    wrong(&["-p", "nothing.wasm"], "can't read nothing.wasm: No such file or directory (os error 2)");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display().to_string();
    wrong(
        &["-p", &path],
        &format!("{path} is no plugin crate: it has no Cargo.toml (make one with `engine new`)"),
    );
    fs::write(folder.path().join("Cargo.toml"), "[package]\nname = \"other\"\n").unwrap();
    wrong(&["-p", &path], &format!("{path} is no plugin crate: its [lib] needs crate-type = [\"cdylib\"]"));
    let line = "can't read nothing: No such file or directory (os error 2)";
    wrong(&["-p", &inc(), "-i", "nothing"], line);
}

#[test]
fn row_8_not_a_component() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let is_no_plugin =
        |path: &str, problem: &str| wrong(&["-p", path], &format!("{path} is not a plugin: {problem}"));
    is_no_plugin(&file("empty.wasm", b""), "the file is empty");
    is_no_plugin(
        &file("text.wasm", b"fn main() {}"),
        "it is not WebAssembly (build a plugin crate with `engine build`)",
    );
    is_no_plugin(
        &file("core.wasm", b"\0asm\x01\0\0\0"),
        "it is a core module, not a component (build it for the target wasm32-wasip2)",
    );
    let whole = fs::read(plugin("inc")).unwrap();
    let truncated = file("truncated.wasm", &whole[..whole.len() / 2]);
    let did = fed(engine(["run", "-p", &truncated]), "1\n");
    assert_eq!((did.code, did.stderr.lines().count()), (Some(2), 1), "{}", did.stderr);
    assert!(
        did.stderr.starts_with(&format!("engine: {truncated} is not a plugin: it is damaged (")),
        "{}",
        did.stderr
    );
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_a_plugin() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let path = pipe.display().to_string();
    wrong(&["-p", &path], &format!("{path} is not a plugin: it is not a file"));
}

#[test]
fn row_8_another_contract() {
    let path = hostile("other-version").display().to_string();
    let problem = "it exports engine:plugin/stages@0.3.0, but this engine runs engine:plugin/stages@0.2.0 \
                   (rebuild it with the SDK of this engine)";
    wrong(&["-p", &path], &format!("{path} is not a plugin: {problem}"));
    let path = hostile("no-contract").display().to_string();
    let did = fed(engine(["run", "-p", &path]), "1\n");
    assert_eq!(did.code, Some(2));
    assert!(did.stderr.contains("but this engine runs engine:plugin/stages@0.2.0"), "{}", did.stderr);
}

#[test]
fn row_8_bit_flips_never_crash() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flipped.wasm");
    let whole = fs::read(plugin("inc")).unwrap();
    for step in 1..24 {
        let mut bytes = whole.clone();
        let at = whole.len() * step / 24;
        bytes[at] ^= 1 << (step % 8);
        fs::write(&path, bytes).unwrap();
        let did = fed(engine(["run", "--timeout", "2s", "-p", &path.display().to_string()]), "1\n");
        assert!(matches!(did.code, Some(0..=2)), "byte {at}: {:?} {}", did.code, did.stderr);
        assert!(did.stderr.lines().count() <= 1, "byte {at}: {}", did.stderr);
    }
}

#[test]
fn no_such_function() {
    let words = plugin("words");
    let path = words.display();
    wrong(
        &["-p", &function_of(&words, "wrods")],
        &format!("{path} has no function wrods (did you mean words?); it has long, words"),
    );
    wrong(
        &["-p", &path.to_string()],
        &format!("{path} has several functions (long, words): choose one, as in {path}:long"),
    );
}

#[test]
fn arguments_missing_unknown_or_not_parseable() {
    let long = function_of(&plugin("words"), "long");
    wrong(
        &["-p", &long, "-a", "leters=3"],
        "long has no parameter leters (did you mean letters?); it has letters",
    );
    wrong(&["-p", &inc(), "-a", "step=3"], "inc has no parameter step; it takes no arguments");
    wrong(&["-p", &inc(), "-a", "2.step=3"], "--arg 2.step: there is no plugin 2, only 1");
    let twice = ["-p", &long, "-p", &long, "-a", "letters=3"];
    wrong(&twice, "--arg letters: 1 long and 2 long have it: write 1.letters=… for one");
    let did = fed(engine(["run", "-p", &long, "-a", "letters=many"]), "1\n");
    assert_eq!(did.code, Some(2));
    assert!(did.stderr.starts_with("engine: long can't be opened: "), "{}", did.stderr);
    assert!(did.stderr.contains("letters") && did.stderr.contains("many"), "{}", did.stderr);
}

#[test]
fn stray_words() {
    wrong(&["inc.wasm"], "unexpected argument inc.wasm: write --plugin inc.wasm");
    let either = "unexpected argument inc: write --input inc for an input, --plugin inc for a plugin";
    wrong(&["inc"], either);
    wrong(&[], "there is no plugin: write --plugin FILE (see engine run --help)");
    let long = function_of(&plugin("words"), "long");
    wrong(&["-p", &long, "-a", "letters=1", "-a", "letters=2"], "--arg letters is given twice");
}

#[test]
fn limits_that_are_too_small() {
    let line = "an instance of inc exceeds the pool's memory limit of 64.0 KiB \
                (raise it with --total-memory, or total_memory in [limits])";
    wrong(&["-p", &inc(), "--total-memory", "64KiB"], line);
}

#[test]
fn one_sink_at_the_end() {
    let print = plugin("print").display().to_string();
    let line = "print is a sink: it must be the last --plugin, and the only sink";
    wrong(&["-p", &print, "-p", &inc()], line);
    wrong(&["-p", &print, "-p", &print], line);
}

#[test]
fn an_output_that_cannot_be_written() {
    wrong(
        &["-p", &inc(), "-o", "/nowhere/out"],
        "can't write /nowhere/out: No such file or directory (os error 2)",
    );
    let folder = tempfile::tempdir().unwrap();
    let both = folder.path().join("both");
    fs::write(&both, "1\n").unwrap();
    let path = both.display().to_string();
    wrong(&["-p", &inc(), "-i", &path, "-o", &path], &format!("can't write {path}: it is an input too"));
    assert_eq!(fs::read_to_string(&both).unwrap(), "1\n");
}

#[test]
fn a_usage_error_leaves_the_output_file_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    fs::write(&out, "yesterday's\n").unwrap();
    let path = out.display().to_string();
    wrong(
        &["-p", "nothing.wasm", "-o", &path],
        "can't read nothing.wasm: No such file or directory (os error 2)",
    );
    assert_eq!(fs::read_to_string(&out).unwrap(), "yesterday's\n");
}

#[cfg(target_os = "linux")]
#[test]
fn row_13_a_full_disk_is_reported() {
    let did = fed(engine(["run", "-p", &inc(), "-o", "/dev/full"]), "1\n2\n");
    assert_eq!(did.code, Some(1));
    let told =
        "No space left on device (os error 28): free space on that file system, or write to another one";
    assert_eq!(did.stderr, format!("engine: can't write /dev/full: {told}\n"));
}

#[test]
fn input_that_is_not_a_number() {
    let long = "x".repeat(1000);
    let did = fed(engine(["run", "-p", &inc()]), format!("1\n{long}\n"));
    assert_eq!((did.code, &*did.stdout), (Some(1), "2\n"));
    assert!(did.stderr.starts_with("engine: record 2: inc: "), "{}", did.stderr);
    assert!(did.stderr.len() < 200, "{}", did.stderr);
}

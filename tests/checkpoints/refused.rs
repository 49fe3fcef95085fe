//! Checkpoints that are refused, and what stays as it was then.

use std::fs;

use tempfile::tempdir;

use super::support::{line_of, summed};
use crate::support::{engine, fed, function_of, hostile, plugin};

#[test]
fn a_checkpoint_of_a_different_run_is_refused() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (input, out, checkpoint, inc) = (path("in"), path("out"), path("checkpoint"), path("inc.wasm"));
    fs::write(&input, "1\n2\nbad\n4\n").unwrap();
    fs::write(path("other"), "1\n").unwrap();
    fs::copy(plugin("inc"), &inc).unwrap();
    let begin = ["run", "-q", "-p", &inc, "-i", &input, "-o", &out, "--checkpoint", &checkpoint];
    assert_eq!(fed(engine(begin), "").code, Some(1));
    let kept = fs::read(&checkpoint).unwrap();
    let refused = |args: &[&str], reason: &str| {
        let did = fed(engine(args), "");
        assert_eq!(did.code, Some(2), "{}", did.stderr);
        let expected = format!("engine: can't go on from {checkpoint}: {reason}");
        assert!(did.stderr.starts_with(&expected), "{} is not {expected}", did.stderr);
        assert_eq!(fs::read_to_string(&out).unwrap(), "2\n3\n", "nothing is touched");
        assert_eq!(fs::read(&checkpoint).unwrap(), kept, "nothing is touched");
    };
    let other = path("other");
    let swapped = ["run", "-q", "-p", &inc, "-i", &other, "-o", &out, "--checkpoint", &checkpoint];
    refused(&swapped, "it is of a run that read");
    refused(&[&begin[..], &["--null"]].concat(), "it is of another run, of inc; this one is of inc --null");
    refused(
        &[&begin[..], &["--on-fault", &format!("divert={}", path("dead"))]].concat(),
        "it is of a run with another --on-fault",
    );
    // Another process wrote to the output meanwhile.
    fs::write(&out, "2\n4\n").unwrap();
    let did = fed(engine(begin), "");
    let expected = format!("engine: can't go on from {checkpoint}: {out} is not what that run wrote");
    assert!(did.code == Some(2) && did.stderr.starts_with(&expected), "{}", did.stderr);
    fs::write(&out, "2\n3\n").unwrap();
    // Another plugin of the same name, which does the same.
    let wasm = fs::read(&inc).unwrap();
    fs::write(&inc, [&wasm[..], &[0, 2, 1, b'x']].concat()).unwrap();
    refused(&begin, "plugin 1 has changed since");
    let did = fed(engine([&begin[..], &["--accept-changes", "--on-fault", "skip"]].concat()), "");
    assert_eq!((did.code, &*did.stderr), (Some(0), ""));
    assert_eq!(fs::read_to_string(&out).unwrap(), "2\n3\n5\n");
    // From the beginning, and then the input changes.
    assert_eq!(fed(engine(begin), "").code, Some(1));
    fs::write(&input, "1\n2\nbad\n44\n").unwrap();
    let did = fed(engine(begin), "");
    assert_eq!(did.code, Some(2));
    assert!(did.stderr.contains("in has changed since"), "{}", did.stderr);
    fs::write(&checkpoint, &kept[..kept.len() / 2]).unwrap();
    let did = fed(engine(begin), "");
    assert_eq!(did.code, Some(2));
    assert!(
        did.stderr.starts_with(&format!("engine: {checkpoint} can't be read as a checkpoint: ")),
        "{}",
        did.stderr
    );
}

#[test]
fn a_checkpoint_needs_a_file_of_its_own() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("in"), "1\n").unwrap();
    let (inc, input, out) = (plugin("inc").display().to_string(), path("in"), path("out"));
    let dotted = folder.path().join(".").join("out").display().to_string();
    for other in [&out, &dotted, &input] {
        let did = fed(engine(["run", "-p", &inc, "-i", &input, "-o", &out, "--checkpoint", other]), "");
        assert_eq!(did.code, Some(2), "{}", did.stderr);
        assert_eq!(fs::read_to_string(&input).unwrap(), "1\n");
        assert!(!folder.path().join("out").exists());
    }
}

#[test]
fn a_checkpoint_that_cannot_be_saved_is_refused_before_anything_runs() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("in"), "1\n").unwrap();
    fs::write(path("out"), "of an earlier run\n").unwrap();
    fs::create_dir(path("folder")).unwrap();
    let (inc, input, out) = (plugin("inc").display().to_string(), path("in"), path("out"));
    let (lost, dir) = (path("nodir/ck"), path("folder"));
    let nodir = path("nodir");
    let told = [
        (&lost, format!("--checkpoint {lost}: there is no folder {nodir}: create it")),
        (&dir, format!("--checkpoint {dir}: this is a folder: write a file's name")),
        (&"/proc/ck".to_owned(), "--checkpoint /proc/ck: nothing can be written to /proc: ".to_owned()),
    ];
    for (checkpoint, told) in told {
        let did = fed(engine(["run", "-p", &inc, "-i", &input, "-o", &out, "--checkpoint", checkpoint]), "");
        assert_eq!((did.code, did.stderr.lines().count()), (Some(2), 1), "{}", did.stderr);
        assert!(did.stderr.starts_with(&format!("engine: {told}")), "{}", did.stderr);
        assert!(!did.stderr.contains(".engine-"), "{}", did.stderr);
        assert_eq!(fs::read_to_string(&out).unwrap(), "of an earlier run\n");
    }
}

#[test]
fn a_modified_checkpoint_is_refused_and_no_output_is_lost() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (input, out, checkpoint) = (path("in"), path("out"), path("checkpoint"));
    fs::write(&input, "1\n2\nbad\n").unwrap();
    let inc = plugin("inc").display().to_string();
    let command = ["run", "-q", "-p", &inc, "-i", &input, "-o", &out, "--checkpoint", &checkpoint];
    assert_eq!(fed(engine(command), "").code, Some(1));
    let mut shorter = line_of(&fs::read_to_string(&checkpoint).unwrap());
    shorter["output"]["length"] = 0.into();
    let mut old = shorter.clone();
    old["version"] = 4.into();
    let reasons = [
        (
            format!("{shorter}\n"),
            "its checksum is missing or wrong, so it was changed or cut off: remove it to start over, or name another file",
        ),
        (format!("{shorter}")[..20].to_owned(), "can't be read as a checkpoint: EOF while parsing"),
        (
            String::new(),
            "EOF while parsing a value at column 0: remove it to start over, or name another file",
        ),
        ("{}\n".to_owned(), "it names no version: remove it to start over"),
        (
            format!("{old}\n"),
            "can't be read as a checkpoint: it is of version 4 of checkpoints, and this engine reads only version 5: finish",
        ),
        // Even with a valid checksum, it does not match the output's end.
        (summed(&shorter), "out is not what that run wrote"),
    ];
    for (text, reason) in reasons {
        fs::write(&checkpoint, text).unwrap();
        let did = fed(engine(command), "");
        assert_eq!((did.code, did.stderr.lines().count()), (Some(2), 1), "{}", did.stderr);
        assert!(did.stderr.contains(reason), "{}", did.stderr);
        assert_eq!(fs::read_to_string(&out).unwrap(), "2\n3\n");
    }
}

#[test]
fn a_state_unknown_to_a_changed_plugin_is_refused() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let misdeeds = path("misdeeds.wasm");
    fs::copy(hostile("misdeeds"), &misdeeds).unwrap();
    fs::write(path("in"), "1\n".repeat(5000) + "fail 1\n").unwrap();
    let (input, out, checkpoint, total) =
        (path("in"), path("out"), path("checkpoint"), function_of(misdeeds.as_ref(), "total"));
    let command = ["run", "-q", "-p", &total, "-i", &input, "-o", &out, "--checkpoint", &checkpoint];
    let command = [&command[..], &["--checkpoint-interval", "1ms", "-b", "50"]].concat();
    let did = fed(engine(&command), "");
    assert_eq!(did.code, Some(1), "{}", did.stderr);
    let saved = fs::read_to_string(&checkpoint).unwrap();
    // Another key is another run.
    let did = fed(engine([&command[..], &["--key", "x"]].concat()), "");
    assert_eq!(did.code, Some(2), "{}", did.stderr);
    assert!(did.stderr.contains("this one is of total --key x"), "{}", did.stderr);
    // Nor is a modified state accepted.
    let mut broken = line_of(&saved);
    broken["states"][0] = "AAAA".into();
    fs::write(&checkpoint, summed(&broken)).unwrap();
    let did = fed(engine([&command[..], &["--on-fault", "skip"]].concat()), "");
    assert_eq!(did.code, Some(1));
    let expected = "engine: total can't be opened: the state: it was written by something else\n";
    assert_eq!(did.stderr, expected);
    fs::write(&checkpoint, &saved).unwrap();
    let did = fed(engine([&command[..], &["--on-fault", "skip"]].concat()), "");
    assert_eq!(did.code, Some(0), "{}", did.stderr);
    let out = fs::read_to_string(&out).unwrap();
    assert_eq!(out.lines().count(), 5000);
    assert!(out.lines().last().unwrap().starts_with(" 5000 "));
}

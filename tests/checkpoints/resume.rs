//! Runs that resume: faults, dead letters, dropped records and keys.

use std::process::Stdio;
use std::{fs, thread};

use tempfile::tempdir;

use super::support::{Run, TWICE, line_of, wait_for_checkpoint};
use crate::support::{engine, fed, function_of, hostile, plugin, root};

#[test]
fn a_run_resumes_after_a_fatal_fault() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("in"), "1\n2\nbad\n4\n").unwrap();
    let command = |function: &str, more: &[&str]| {
        let mut command = engine(["run", "-q", "-p", &function_of(&hostile("misdeeds"), function), "-i"]);
        command.arg(path("in")).arg("-o").arg(path("out")).arg("--checkpoint").arg(path("checkpoint"));
        command.args(more);
        command
    };
    let did = fed(command("panics", &[]), "");
    assert_eq!(did.code, Some(1));
    assert!(did.stderr.contains("record 3: panics: panicked"), "{}", did.stderr);
    assert_eq!(fs::read_to_string(path("out")).unwrap(), "1\n2\n");
    // The same again fails at the same record, and adds nothing.
    let again = fed(command("panics", &[]), "");
    assert_eq!((again.code, again.stderr), (Some(1), did.stderr));
    assert_eq!(fs::read_to_string(path("out")).unwrap(), "1\n2\n");
    let did = fed(command("panics", &["--on-fault", "skip"]), "");
    assert_eq!((did.code, &*did.stderr), (Some(0), ""));
    assert_eq!(fs::read_to_string(path("out")).unwrap(), "1\n2\n4\n");
}

#[test]
fn faults_before_the_restart_count() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("in"), "bad\n1\nbad\n2\nbad\n3\n").unwrap();
    let panics = function_of(&hostile("misdeeds"), "panics");
    let command = |most: &str| {
        let (input, output, checkpoint) = (path("in"), path("out"), path("checkpoint"));
        let files = ["-i", &input, "-o", &output, "--checkpoint", &checkpoint];
        let flags = ["--on-fault", "skip", "--max-faults", most];
        fed(engine([&["run", "-q", "-p", &panics], &files[..], &flags].concat()), "")
    };
    let did = command("1");
    assert_eq!(did.code, Some(1), "{}", did.stderr);
    assert_eq!(fs::read_to_string(path("out")).unwrap(), "1\n");
    // One fault was there before, so the limit is exceeded again; with a higher limit the run continues.
    assert_eq!(command("1").code, Some(1));
    let did = command("3");
    assert_eq!(did.code, Some(0), "{}", did.stderr);
    assert_eq!(fs::read_to_string(path("out")).unwrap(), "1\n2\n3\n");
}

#[test]
fn without_a_pool_a_fault_is_not_skipped_either() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let lines: Vec<_> = (1..=1000).map(|x| if x == 300 { "bad".to_owned() } else { x.to_string() }).collect();
    fs::write(path("in"), lines.join("\n")).unwrap();
    for (function, more) in [("panics", &["--sequential"][..]), ("panics_sink", &[])] {
        let command = |more: &[&str]| {
            let mut command = engine(["run", "-q", "-p", &function_of(&hostile("misdeeds"), function), "-i"]);
            command.arg(path("in")).arg("-o").arg(path("out")).arg("--checkpoint").arg(path("checkpoint"));
            command.args(more);
            command
        };
        for _ in 0..2 {
            let did = fed(command(more), "");
            assert_eq!(did.code, Some(1), "{}", did.stderr);
            assert!(did.stderr.contains("record 300: "), "{}", did.stderr);
        }
        let did = fed(command(&[more, &["--on-fault", "skip"]].concat()), "");
        assert_eq!(did.code, Some(0), "{}", did.stderr);
        let good: Vec<_> = fs::read_to_string(path("out")).unwrap().lines().map(str::to_owned).collect();
        let expected: Vec<_> = lines.iter().filter(|line| *line != "bad").cloned().collect();
        // The sink prints its record before it panics.
        assert_eq!(good.into_iter().filter(|line| line != "bad").collect::<Vec<_>>(), expected, "{function}");
        fs::remove_file(path("out")).unwrap();
    }
}

#[test]
fn dropped_records_are_done() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("in"), "1\n".repeat(5000) + "bad\n").unwrap();
    let even = function_of(&hostile("misdeeds"), "even");
    let mut command = engine(["run", "-q", "-p", &even, "-b", "100", "-i"]);
    command.arg(path("in")).arg("-o").arg(path("out")).arg("--checkpoint").arg(path("checkpoint"));
    let did = fed(command, "");
    assert_eq!(did.code, Some(1), "{}", did.stderr);
    let checkpoint = line_of(&fs::read_to_string(path("checkpoint")).unwrap());
    assert_eq!(checkpoint["record"], 5000);
}

#[test]
fn dead_letters_of_another_run_stay_and_do_not_count() {
    let run = Run::new(TWICE, 20_000);
    // Of a record that is a fault in this run too, and a truncated one.
    let others = "{\"number\":19988}\n{\"number\":1";
    fs::write(run.path("dead"), others).unwrap();
    let mut child = run.with_checkpoint(&[]).spawn().unwrap();
    wait_for_checkpoint(&run, &mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    if run.path("checkpoint").exists() {
        assert_eq!(fed(run.with_checkpoint(&[]), "").code, Some(1));
    }
    assert_eq!(fed(run.command("expected-out", "expected-dead", &[]), "").code, Some(1));
    assert!(run.text("dead") == format!("{others}\n{}", run.text("expected-dead")));
}

#[test]
fn keyed_states_resume_with_any_number_of_threads() {
    let (weather, running) = (plugin("weather"), plugin("running"));
    let (parse, temperature) = (function_of(&weather, "parse"), function_of(&running, "temperature"));
    let table = fs::read_to_string(root().join("examples/data/weather.csv")).unwrap();
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (_, rows) = table.split_once('\n').unwrap();
    fs::write(path("rows"), rows.repeat(5)).unwrap();
    let command = |out: &str, more: &[&str]| {
        let mut command = engine(["run", "-q", "-p", &parse, "-p", &temperature, "--key", "2.origin"]);
        command.arg("-i").arg(path("rows")).arg("-o").arg(path(out)).args(more);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command
    };
    let checkpoint = path("checkpoint").display().to_string();
    let with_checkpoint = ["--checkpoint", &checkpoint, "--checkpoint-interval", "5ms"];
    let mut killed = 0;
    for workers in ["3", "1", "2", "1", "3", "2"] {
        let mut child = command("out", &[&with_checkpoint[..], &["-t", workers]].concat()).spawn().unwrap();
        let written = || fs::metadata(path("checkpoint")).ok().and_then(|known| known.modified().ok());
        let before = written();
        while written() == before && child.try_wait().unwrap().is_none() {
            thread::yield_now();
        }
        child.kill().unwrap();
        killed += usize::from(child.wait().unwrap().code().is_none());
    }
    assert!(killed > 0, "it was over each time");
    for (out, more) in [("out", &with_checkpoint[..]), ("expected", &["--sequential"])] {
        let did = fed(command(out, more), "");
        assert_eq!((did.code, &*did.stderr), (Some(0), ""));
    }
    assert!(fs::read(path("out")).unwrap() == fs::read(path("expected")).unwrap());
}

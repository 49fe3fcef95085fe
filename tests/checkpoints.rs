//! Checkpoints: a killed run resumes, and its output matches an uninterrupted run's.

use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::{TempDir, tempdir};

use crate::support::{Did, engine, fed, function_of, hostile, plugin, root};

/// A run over two inputs, of records that take a while, some of which are faults.
struct Run {
    folder: TempDir,
    chain: &'static [&'static str],
}

/// Emits each record twice.
const TWICE: &[&str] = &["slow_loop", "twice"];

impl Run {
    fn new(chain: &'static [&'static str], records: usize) -> Self {
        let folder = tempdir().unwrap();
        let line = |x: usize| if x % 97 == 5 { format!("x{x}") } else { (x % 30).to_string() };
        let lines =
            |end: &str, from: usize| (from..from + records / 2).map(|x| line(x) + end).collect::<String>();
        fs::write(folder.path().join("first"), lines("\r\n", 0)).unwrap();
        // The last line has no newline.
        fs::write(folder.path().join("second"), lines("\n", records / 2) + "7").unwrap();
        Self { folder, chain }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8(fs::read(self.path(name)).unwrap()).unwrap()
    }

    /// The command; `out` and `dead` are where outputs and dead letters go.
    fn command(&self, out: &str, dead: &str, more: &[&str]) -> std::process::Command {
        let hostile = hostile("misdeeds");
        let mut command = engine(["run", "-q", "-t", "2"]);
        for function in self.chain {
            command.args(["-p", &function_of(&hostile, function)]);
        }
        command.arg("-i").args([self.path("first"), self.path("second")]);
        command.arg("-o").arg(self.path(out));
        command.arg("--on-fault").arg(format!("divert={}", self.path(dead).display()));
        command.args(more);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    fn with_checkpoint(&self, more: &[&str]) -> std::process::Command {
        let mut command = self.command("out", "dead", more);
        command.arg("--checkpoint").arg(self.path("checkpoint")).args(["--checkpoint-interval", "5ms"]);
        command
    }

    /// Checks that the outputs are those of a run without a checkpoint.
    fn check(&self) {
        let did = fed(self.command("expected-out", "expected-dead", &[]), "");
        assert_eq!(did.code, Some(1), "{}", did.stderr);
        // Segments of a chain write dead letters at different times.
        let dead = |name: &str| {
            let mut lines: Vec<_> = self.text(name).lines().map(str::to_owned).collect();
            if self.chain != TWICE {
                lines.sort();
            }
            lines
        };
        assert!(self.text("out") == self.text("expected-out"), "the outputs differ");
        assert_eq!(dead("dead"), dead("expected-dead"));
        assert!(!self.path("checkpoint").exists(), "what is done needs no checkpoint");
    }
}

/// Waits until a checkpoint exists, or the run has ended.
fn wait_for_checkpoint(run: &Run, child: &mut Child) {
    while !run.path("checkpoint").exists() && child.try_wait().unwrap().is_none() {
        thread::yield_now();
    }
}

/// Pseudorandom numbers, from a seed that a failure shows.
fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

#[test]
fn row_14_killed_fifty_times_a_run_matches_an_uninterrupted_one() {
    finish_despite_kills(&Run::new(TWICE, 200_000), 60_000);
}

#[test]
fn row_14_killed_fifty_times_states_match_an_uninterrupted_run() {
    finish_despite_kills(&Run::new(&["slow_loop", "total"], 60_000), 120_000);
}

#[test]
fn row_14_killed_fifty_times_states_stay_consistent() {
    finish_despite_kills(&Run::new(&["slow_loop", "total", "twice", "numbered", "same"], 60_000), 250_000);
}

#[test]
fn row_14_killed_fifty_times_each_piece_is_written_once() {
    finish_despite_kills(&Run::new(&["twice", "slow_loop"], 60_000), 60_000);
}

/// Kills it again and again, after at most this many microseconds, until it is done.
fn finish_despite_kills(run: &Run, mut longest: u64) {
    let mut seed = std::process::id().into();
    println!("seed {seed}");
    let mut killed = 0;
    while killed < 50 {
        let mut child = run.with_checkpoint(&[]).spawn().unwrap();
        thread::sleep(Duration::from_micros(random(&mut seed) % longest));
        child.kill().unwrap();
        let over = child.wait().unwrap().code().is_some();
        // It may have been done already.
        let done =
            !run.path("checkpoint").exists() && run.path("dead").exists() && !run.text("dead").is_empty();
        if over || done {
            break;
        }
        if run.path("checkpoint").exists() {
            killed += 1;
        } else {
            // A busy machine takes longer to start it.
            longest += longest / 20;
        }
    }
    assert!(killed >= 10, "it was over after {killed} kills");
    if run.path("checkpoint").exists() {
        let did: Did = fed(run.with_checkpoint(&[]), "");
        assert_eq!(did.code, Some(1), "{}", did.stderr);
    }
    run.check();
}

#[test]
fn row_15_an_interrupted_run_drains_and_resumes_later() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let run = Run::new(if signal == "-INT" { TWICE } else { &["slow_loop", "total"] }, 200_000);
        let mut child = run.with_checkpoint(&[]).spawn().unwrap();
        wait_for_checkpoint(&run, &mut child);
        let sent = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert!(sent.unwrap().success());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{said}");
        let did = fed(run.with_checkpoint(&[]), "");
        assert_eq!(did.code, Some(1), "{}", did.stderr);
        run.check();
    }
}

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
    let did = fed(engine([&begin[..], &["--accept-changed-plugin", "--on-fault", "skip"]].concat()), "");
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
    assert!(did.stderr.starts_with(&format!("engine: {checkpoint} is not a checkpoint: ")), "{}", did.stderr);
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

/// The contents of a checkpoint.
fn line_of(checkpoint: &str) -> serde_json::Value {
    serde_json::from_str(checkpoint.lines().next().unwrap()).unwrap()
}

/// A checkpoint with these contents and their checksum.
fn summed(line: &serde_json::Value) -> String {
    let line = line.to_string();
    format!("{line}\n{}\n", blake3::hash(line.as_bytes()).to_hex())
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
        (format!("{shorter}\n"), "is not a checkpoint: its checksum is missing or wrong"),
        (format!("{old}\n"), "is not a checkpoint: it is of version 4, and this engine writes 5"),
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

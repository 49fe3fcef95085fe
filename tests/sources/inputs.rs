//! Inputs of the command: opened once, each when its turn comes.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::support::pipelines::Files;
use crate::support::{Did, engine, fed, plugin};

fn make_pipe(files: &Files, name: &str) {
    assert!(Command::new("mkfifo").arg(files.path(name)).status().unwrap().success());
}

#[test]
fn a_pipe_is_opened_once_and_not_by_a_check() {
    for node in ["files", "csv", "ndjson"] {
        let files = Files::new(&format!("[sources.{node}]\npath = 'pipe'\n[sinks.stdout]\n"));
        make_pipe(&files, "pipe");
        // It ends as soon as somebody has opened the pipe.
        let text = if node == "csv" { "n\\n1" } else { "1" };
        let script = format!("printf '{text}\\n' > \"$1\"");
        let mut writer =
            Command::new("sh").args(["-c", &script, "sh"]).arg(files.path("pipe")).spawn().unwrap();
        let check = fed(engine(["check".as_ref(), files.path("pipeline.toml").as_os_str()]), "");
        assert_eq!(check.code, Some(0), "{node}: {}", check.stderr);
        assert!(writer.try_wait().unwrap().is_none(), "{node}: the check opened the pipe");
        let did = files.run("");
        let record = if node == "csv" { "{\"n\":\"1\"}\n" } else { "1\n" };
        assert_eq!((did.code, &*did.stdout), (Some(0), record), "{node}: {}", did.stderr);
        assert!(writer.wait().unwrap().success());
    }
}

#[test]
fn a_device_is_read() {
    let files = Files::new("[sources.files]\npath = '/dev/null'\n[sinks.stdout]\n");
    let did = files.run("");
    assert_eq!((did.code, &*did.stdout), (Some(0), ""), "{}", did.stderr);
}

#[test]
fn a_run_has_more_inputs_than_descriptors() {
    let paths: Vec<_> = (0..300).map(|number| format!("'{number}'")).collect();
    let pipeline = format!("[sources.files]\npath = [{}]\n[sinks.stdout]\n", paths.join(","));
    let files = Files::new(&pipeline);
    (0..300).for_each(|number| files.write(&number.to_string(), format!("{number}\n")));
    let expected: String = (0..300).map(|number| format!("{number}\n")).collect();
    let next: String = (1..301).map(|number| format!("{number}\n")).collect();
    let limited = |command: &Command| {
        let mut limited = Command::new("sh");
        limited.args(["-c", "ulimit -n 200; exec \"$@\"", "sh"]).arg(command.get_program());
        limited.args(command.get_args());
        limited
    };
    let did = fed(limited(&files.command()), "");
    assert_eq!((did.code, did.stdout), (Some(0), expected), "{}", did.stderr);
    let mut run = engine(["run", "-q", "--threads", "1", "-p"]);
    run.arg(plugin("inc")).arg("-i").args((0..300).map(|number| files.path(&number.to_string())));
    let did = fed(limited(&run), "");
    assert_eq!((did.code, did.stdout), (Some(0), next), "{}", did.stderr);
}

#[test]
fn a_missing_input_is_told_before_anything_is_read() {
    let files = Files::new("");
    files.write("1", "1\n");
    let mut run = engine(["run", "-p"]);
    run.arg(plugin("inc")).arg("-i").args(["1", "missing"].map(|name| files.path(name)));
    run.arg("-o").arg(files.path("out"));
    let did = fed(run, "");
    assert_eq!((did.code, files.path("out").exists()), (Some(2), false), "{}", did.stderr);
    assert!(did.stderr.contains("missing"), "{}", did.stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn an_error_of_reading_names_the_input() {
    // Nothing is mapped at its start.
    let unreadable = "/proc/self/mem";
    let mut run = engine(["run", "-p"]);
    run.arg(plugin("inc")).args(["-i", unreadable]);
    let did = fed(run, "");
    assert!(did.code != Some(0) && did.stderr.contains(unreadable), "{:?}: {}", did.code, did.stderr);
}

/// A line that is too long, between others.
fn with_long_line() -> Vec<u8> {
    [&b"1\n"[..], &vec![b'7'; (32 << 20) + 1], b"\n3\n"].concat()
}

#[test]
fn a_line_that_is_too_long_is_a_fault_of_its_file() {
    let files = Files::new("[sources.files]\npath = ['a', 'b']\non_fault = 'skip'\n[sinks.stdout]\n");
    files.write("a", "0\n");
    files.write("b", with_long_line());
    let check = |did: Did, expected: &str| {
        assert_eq!((did.code, &*did.stdout), (Some(0), expected), "{}", did.stderr);
        let place = format!("{}, line 2", files.path("b").display());
        assert!(did.stderr.contains("longer than 32.0 MiB") && did.stderr.contains(&place), "{}", did.stderr);
    };
    check(files.run(""), "0\n1\n3\n");
    let run = |more: &[&str]| {
        let mut run = engine(["run", "-p"]);
        run.arg(plugin("inc")).args(more).arg("-i").args(["a", "b"].map(|name| files.path(name)));
        fed(run, "")
    };
    check(run(&["--on-fault", "skip"]), "1\n2\n4\n");
    let did = run(&[]);
    assert_eq!((did.code, &*did.stdout), (Some(1), "1\n2\n"));
    assert!(did.stderr.contains("b, line 2"), "{}", did.stderr);
    let did = run(&["--on-fault", "skip", "--max-faults", "0"]);
    assert_eq!(did.code, Some(1), "{}", did.stderr);
}

#[test]
fn a_line_of_stdin_that_is_too_long_is_a_fault() {
    let files = Files::new("[sources.stdin]\non_fault = { divert = 'dead' }\n[sinks.stdout]\n");
    let did = files.run(with_long_line());
    assert_eq!((did.code, &*did.stdout), (Some(1), "1\n3\n"), "{}", did.stderr);
    assert!(files.read("dead").len() > 32 << 20);
}

#[test]
fn a_pattern_stands_for_the_files_that_match_it() {
    let files = Files::new("[sources.files]\npath = '*.log'\n[sinks.stdout]\n");
    let did = files.run("");
    assert_eq!(did.code, Some(2));
    assert!(did.stderr.contains("no file matches"), "{}", did.stderr);
    files.write("b.log", "2\n");
    files.write("a.log", "1\n");
    files.write("a.txt", "?\n");
    let did = files.run("");
    assert_eq!((did.code, &*did.stdout), (Some(0), "1\n2\n"), "{}", did.stderr);
    // A file of that name comes first.
    files.write("*.log", "star\n");
    assert_eq!(files.run("").stdout, "star\n");
    let files = Files::new("[sources.files]\npath = '*.log'\n[sinks.file]\npath = 'out.log'\n");
    files.write("a.log", "1\n");
    let did = files.run("");
    assert!(did.code == Some(2) && did.stderr.contains("out.log"), "{}", did.stderr);
}

#[test]
fn a_followed_pipe_is_refused() {
    let files = Files::new("[sources.files]\npath = 'pipe'\nfollow = true\n[sinks.stdout]\n");
    make_pipe(&files, "pipe");
    let did = files.run("");
    assert!(did.code == Some(2) && did.stderr.contains("can't follow"), "{}", did.stderr);
    fs::remove_file(files.path("pipe")).unwrap();
    let files = Files::new("[sources.files]\npath = 'no/log'\nfollow = true\n[sinks.stdout]\n");
    let did = files.run("");
    assert!(did.code == Some(2) && did.stderr.contains("there is no folder"), "{}", did.stderr);
}

#[test]
fn a_process_substitution_is_read() {
    let files = Files::new("");
    let script = "exec \"$0\" run -q -p \"$1\" -i <(printf '1\\n') <(printf '2\\n')";
    let mut bash = Command::new("bash");
    bash.args(["-c", script]).arg(engine([""; 0]).get_program()).arg(plugin("inc"));
    let did = fed(bash, "");
    assert_eq!((did.code, &*did.stdout), (Some(0), "2\n3\n"), "{}", did.stderr);
    drop(files);
}

#[test]
fn a_pipe_that_no_program_writes_does_not_prevent_a_stop() {
    let files = Files::new("[sources.files]\npath = 'pipe'\n[sinks.stdout]\n");
    make_pipe(&files, "pipe");
    let mut child = files.command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It has begun to wait once the pipe has a reader.
    let mut pipe = loop {
        let opened = fs::OpenOptions::new().write(true).open(files.path("pipe"));
        if let Ok(pipe) = opened {
            break pipe;
        }
    };
    pipe.write_all(b"1\n").unwrap();
    let mut byte = [0];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut byte).unwrap();
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

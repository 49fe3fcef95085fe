//! `engine run`: inputs and outputs.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{engine, fed, function_of, hostile, plugin};

/// Runs the plugins over the input, and returns what comes out.
fn run(args: &[&str], input: impl AsRef<[u8]>) -> String {
    let did = fed(engine(["run"].iter().chain(args)), input);
    assert_eq!((did.code, &*did.stderr), (Some(0), ""));
    did.stdout
}

fn inc() -> String {
    plugin("inc").display().to_string()
}

#[test]
fn each_line_is_a_record() {
    assert_eq!(run(&["-p", &inc()], "1\n2\n3\n"), "2\n3\n4\n");
    assert_eq!(run(&["-p", &inc()], "1\r\n2"), "2\n3\n");
    assert_eq!(run(&["-p", &inc()], ""), "");
    let upper = function_of(&hostile("misdeeds"), "upper");
    assert_eq!(run(&["-p", &upper], "a\n\nb\n"), "A\n\nB\n");
    assert_eq!(run(&["-p", &upper, "--null"], "a\nb\0c"), "A\nB\0C\0");
}

#[test]
fn plugins_form_a_chain_and_a_sink_prints() {
    let (inc, print) = (inc(), plugin("print").display().to_string());
    assert_eq!(run(&["-p", &inc, "-p", &inc, "-p", &print], "1\n2\n"), "3\n4\n");
    assert_eq!(run(&["-p", &print], "1\n2\n"), "1\n2\n");
    assert_eq!(run(&["-p", &inc, "-p", &print, "--sequential"], "1\n2\n"), "2\n3\n");
}

#[test]
fn files_are_read_in_order_and_written_to_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("a"), "1\n2").unwrap();
    fs::write(path("b"), "3\n").unwrap();
    assert_eq!(run(&["-p", &inc(), "-i", &path("a"), &path("b"), "-o", &path("out")], ""), "");
    assert_eq!(fs::read_to_string(path("out")).unwrap(), "2\n3\n4\n");
}

#[test]
fn a_fault_names_its_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("a"), "1\n2\n").unwrap();
    fs::write(path("b"), "3\nx\n").unwrap();
    let did = fed(engine(["run", "-p", &inc(), "-i", &path("a"), &path("b")]), "");
    let place = format!("record 4 ({}, line 2): inc: expected an integer", path("b"));
    assert!(did.stderr.starts_with(&format!("engine: {place}")), "{}", did.stderr);
    // Skipped records are reported too.
    let did = fed(engine(["run", "-p", &inc(), "--on-fault", "skip", "-i", &path("a"), &path("b")]), "");
    assert_eq!((did.code, &*did.stdout), (Some(0), "2\n3\n4\n"));
    let expected = format!("engine: 1 record left out, the first: {place}");
    assert!(did.stderr.starts_with(&expected), "{}", did.stderr);
}

#[test]
fn ten_million_numbers_match_awk() {
    let folder = tempfile::tempdir().unwrap();
    let (numbers, expected) = (folder.path().join("numbers"), folder.path().join("expected"));
    let shell = format!(
        "seq 1 10000000 > {0} && awk '{{ printf \"%d\\n\", $1 + 1 }}' {0} > {1}",
        numbers.display(),
        expected.display()
    );
    assert!(std::process::Command::new("sh").args(["-c", &shell]).status().unwrap().success());
    let expected = fs::read(expected).unwrap();
    for flags in [["-t", "1", "-b", "100000"], ["-t", "2", "-b", "100000"], ["-t", "16", "-b", "1000"]] {
        let out = folder.path().join("out");
        let mut command = engine(["run", "-p", &inc()]);
        command.args(flags).arg("-i").arg(&numbers).arg("-o").arg(&out);
        assert!(command.status().unwrap().success());
        assert!(fs::read(&out).unwrap() == expected, "{flags:?}");
    }
}

#[test]
fn small_buffers_and_many_threads_keep_the_order() {
    let numbers: String = (0..60_000).map(|x| format!("{x}\n")).collect();
    let expected: String = (1..=60_000).map(|x| format!("{x}\n")).collect();
    for flags in
        [["-t", "1", "-b", "1"], ["-t", "16", "-b", "1"], ["-t", "2", "-b", "7"], ["-t", "16", "-b", "7"]]
    {
        let mut args = vec!["-p".to_owned(), inc()];
        args.extend(flags.map(str::to_owned));
        let args: Vec<_> = args.iter().map(|arg| &**arg).collect();
        assert!(run(&args, &numbers) == expected, "{flags:?}");
    }
}

#[test]
fn ten_sleeping_records_run_concurrently_by_default() {
    let begun = Instant::now();
    let numbers: String = (0..10).map(|x| format!("{x}\n")).collect();
    assert_eq!(
        run(&["-p", &plugin("slow-inc").display().to_string()], numbers),
        "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n"
    );
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn a_line_is_processed_while_the_input_stays_open() {
    for flags in [&[][..], &["--sequential"]] {
        let mut command = engine(["run", "-p", &inc()]);
        let mut child = command.args(flags).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
        for x in 0..3 {
            writeln!(stdin, "{x}").unwrap();
            assert_eq!(answers.next().unwrap().unwrap(), (x + 1).to_string());
        }
        drop(stdin);
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn a_slow_record_does_not_delay_results_before_it() {
    for flags in [&[][..], &["--sequential"]] {
        let sleeps = function_of(&hostile("misdeeds"), "sleeps");
        let mut command = engine(["run", "-p", &sleeps]);
        let mut child = command.args(flags).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let begun = Instant::now();
        // Both come in one read; the second takes 5 seconds.
        child.stdin.take().unwrap().write_all(b"50\n5000\n").unwrap();
        let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(answers.next().unwrap().unwrap(), "50");
        assert!(begun.elapsed() < Duration::from_millis(4500), "{flags:?}: {:?}", begun.elapsed());
        assert_eq!(answers.next().unwrap().unwrap(), "5000");
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn row_13_a_closed_output_pipe_ends_the_run_quietly() {
    let mut child = engine(["run", "-p", &inc()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap());
    writeln!(stdin, "1").unwrap();
    let mut first = String::new();
    answers.read_line(&mut first).unwrap();
    drop(answers);
    // The input stays open: the run ends since its output is closed.
    while writeln!(stdin, "2").is_ok() {
        std::thread::yield_now();
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]));
}

#[test]
fn a_fault_ends_the_run_after_the_records_before_it() {
    for flags in [&[][..], &["--sequential"], &["--unordered"], &["--threads", "1"]] {
        let numbers: String =
            (1..=5000).map(|x| if x == 3777 { "x\n".to_owned() } else { format!("{x}\n") }).collect();
        let mut command = engine(["run", "-p", &inc()]);
        command.args(flags);
        let did = fed(command, numbers);
        assert_eq!(did.code, Some(1), "{flags:?}");
        assert!(did.stderr.starts_with("engine: record 3777: inc: "), "{flags:?}: {}", did.stderr);
        assert_eq!(did.stderr.lines().count(), 1, "{}", did.stderr);
        let expected: Vec<_> = (2..=3777).map(|x| x.to_string()).collect();
        let mut lines: Vec<_> = did.stdout.lines().collect();
        if flags == ["--unordered"] {
            lines.retain(|line| line.parse::<u32>().unwrap() <= 3777);
            lines.sort_by_key(|line| line.parse::<u32>().unwrap());
        }
        assert!(lines == expected, "{flags:?}: {} lines", lines.len());
    }
}

#[test]
fn a_fault_ends_the_run_while_the_input_stays_open() {
    let mut child =
        engine(["run", "-p", &inc()]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "x").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    drop(stdin);
}

#[test]
fn row_6_function_output_goes_to_stderr_with_its_name() {
    let escapes = function_of(&hostile("misdeeds"), "prints_escapes");
    let did = fed(engine(["run", "-p", &escapes]), "a\nbad\n");
    assert_eq!((did.code, &*did.stdout), (Some(0), "a\nbad\n"));
    assert!(did.stderr.starts_with("prints_escapes: "), "{}", did.stderr);
    assert!(!did.stderr.chars().any(|c| c.is_control() && c != '\n'), "{:?}", did.stderr);
}

#[test]
fn the_summary_is_available_as_json() {
    let did = fed(engine(["run", "--json", "-p", &inc()]), "1\n2\n");
    let summary: serde_json::Value = serde_json::from_str(&did.stderr).unwrap();
    assert_eq!((&summary["records_in"], &summary["records_out"]), (&2.into(), &2.into()));
    assert_eq!(summary["functions"][0]["name"], "inc");
    let did = fed(engine(["run", "--json", "-p", &inc()]), "1\nx\n");
    let summary: serde_json::Value = serde_json::from_str(did.stderr.lines().next().unwrap()).unwrap();
    assert_eq!((&summary["fault"]["record"], &summary["faults"]), (&2.into(), &1.into()));
}

#[cfg(unix)]
#[test]
fn an_interrupt_finishes_accepted_records() {
    let function = |name: &str| function_of(&hostile("misdeeds"), name);
    let mut child = engine(["run", "-p", &function("prints_escapes"), "-p", &function("sleeps_first")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut messages = BufReader::new(child.stderr.take().unwrap());
    writeln!(stdin, "500 bad").unwrap();
    // The first function has printed: the second one is about to sleep.
    messages.read_line(&mut String::new()).unwrap();
    let interrupt = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupt.unwrap().success());
    let mut answer = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut answer).unwrap();
    assert_eq!(answer, "500 bad\n");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    drop(stdin);
}

#[test]
fn row_16_a_run_keeps_using_a_replaced_plugin() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plugin.wasm");
    std::fs::copy(plugin("inc"), &file).unwrap();
    let mut child = engine(["run", "-p", &file.display().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, mut answers) =
        (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    let mut answer = |line: &str| {
        writeln!(stdin, "{line}").unwrap();
        let mut answer = String::new();
        answers.read_line(&mut answer).unwrap();
        answer
    };
    assert_eq!(answer("1"), "2\n");
    std::fs::write(&file, "no plugin any more").unwrap();
    assert_eq!(answer("2"), "3\n");
    std::fs::copy(plugin("words"), &file).unwrap();
    assert_eq!(answer("3"), "4\n");
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn two_runs_cannot_write_to_one_output() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out").display().to_string();
    let mut command = engine(["run", "-q", "-p", &inc(), "-o", &out]);
    let mut first = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdin = first.stdin.take().unwrap();
    stdin.write_all(b"1\n").unwrap();
    let begun = Instant::now();
    while fs::read_to_string(&out).unwrap_or_default() != "2\n" {
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing comes out");
    }
    let second = fed(engine(["run", "-q", "-p", &inc(), "-o", &out]), "5\n");
    let told = format!("engine: can't write {out}: another run writes it, and has not ended\n");
    assert_eq!((second.code, second.stderr), (Some(2), told));
    drop(stdin);
    assert!(first.wait().unwrap().success());
    assert_eq!(fs::read_to_string(&out).unwrap(), "2\n");
    assert_eq!(fed(engine(["run", "-q", "-p", &inc(), "-o", &out]), "5\n").code, Some(0));
    assert_eq!(fs::read_to_string(&out).unwrap(), "6\n");
}

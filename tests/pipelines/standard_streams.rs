//! Stdin and stdout as other programs leave them: open the wrong way round, non-blocking, or the same file twice.

use std::fs::{self, File};
use std::io::{Read, Write, pipe};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use crate::support::pipelines::Files;
use crate::support::{Did, engine, plugin};

const TO_STDOUT: &str = "[sources.stdin]\n[sinks.stdout]\n";

/// Runs that read stdin and write to stdout.
fn runs(files: &Files) -> [Command; 2] {
    let mut with_plugin = engine(["run", "-q", "--plugin"]);
    with_plugin.arg(plugin("inc"));
    [files.command(), with_plugin]
}

fn ended(command: &mut Command) -> Did {
    command.output().unwrap().into()
}

#[test]
fn a_stream_that_is_open_the_wrong_way_round_is_one_clear_line() {
    let files = Files::new(TO_STDOUT);
    files.write("in", "1\n");
    files.write("old", "");
    for mut run in runs(&files) {
        run.stdin(File::open(files.path("in")).unwrap()).stdout(File::open(files.path("old")).unwrap());
        let did = ended(run.stderr(Stdio::piped()));
        assert_ne!(did.code, Some(0));
        assert!(did.stderr.contains("stdout: it is open only for reading"), "{}", did.stderr);
    }
    for mut run in runs(&files) {
        let did = ended(run.stdin(File::create(files.path("other")).unwrap()));
        assert_ne!(did.code, Some(0));
        assert!(did.stderr.contains("it is open only for writing"), "{}", did.stderr);
        assert_eq!(did.stdout, "");
    }
}

fn make_non_blocking(end: impl AsFd) {
    fcntl_setfl(&end, fcntl_getfl(&end).unwrap() | OFlags::NONBLOCK).unwrap();
}

#[test]
fn nothing_is_lost_if_streams_are_non_blocking() {
    let files = Files::new(TO_STDOUT);
    let numbers = |from: u64| (from..from + 200_000).map(|x| format!("{x}\n")).collect::<String>();
    for (mut run, more) in runs(&files).into_iter().zip([0, 1]) {
        let ((stdin, mut input), (mut output, stdout)) = (pipe().unwrap(), pipe().unwrap());
        make_non_blocking(&stdin);
        make_non_blocking(&stdout);
        let mut child = run.stdin(stdin).stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
        // The command holds its ends too.
        drop(run);
        let feeding = thread::spawn(move || input.write_all(numbers(0).as_bytes()));
        // The pipe is full: writing more is refused for now.
        while rustix::io::ioctl_fionread(&output).unwrap() < 60 << 10 {
            thread::yield_now();
        }
        let mut written = String::new();
        output.read_to_string(&mut written).unwrap();
        let mut told = String::new();
        child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        assert!(child.wait().unwrap().success(), "{told}");
        feeding.join().unwrap().unwrap();
        assert!(written == numbers(more), "{} bytes", written.len());
    }
}

#[test]
fn no_file_is_written_by_stdout_and_used_otherwise() {
    let files = Files::new("");
    let path = files.path("used");
    let appending = |path: &Path| File::options().append(true).open(path).unwrap();
    let used = path.display().to_string();
    for (flags, told) in [
        (&["-i", &*used][..], "is read, and stdout goes there too"),
        (&[], "is read, and stdout goes there too"),
        (&["--on-fault", &*format!("divert={used}")], "records are put aside in it"),
    ] {
        files.write("used", "1\n2\n");
        files.write("other", "x\n");
        let mut run = engine(["run", "-q", "--plugin"]);
        let input = if flags.is_empty() { "used" } else { "other" };
        run.arg(plugin("inc")).args(flags).stdin(File::open(files.path(input)).unwrap());
        let did = ended(run.stdout(appending(&path)).stderr(Stdio::piped()));
        assert_ne!(did.code, Some(0), "{flags:?}");
        assert!(did.stderr.contains(told), "{flags:?}: {}", did.stderr);
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n2\n");
    }
}

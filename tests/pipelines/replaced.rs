//! Output files that are removed, renamed, replaced or emptied while a run writes them.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::Duration;

use flate2::read::MultiGzDecoder;

use crate::support::pipelines::Files;
use crate::support::{engine, plugin};

/// A run that is fed line by line.
struct Fed {
    run: Child,
    stdin: ChildStdin,
    stderr: PathBuf,
}

impl Fed {
    fn new(mut command: Command, folder: &Files) -> Self {
        let stderr = folder.path("stderr");
        let mut run = command.stdin(Stdio::piped()).stderr(File::create(&stderr).unwrap()).spawn().unwrap();
        let stdin = run.stdin.take().unwrap();
        Self { run, stdin, stderr }
    }

    /// Feeds a line, and waits until the file ends in what is made of it.
    fn feed(&mut self, line: &str, path: &Path, end: &str) {
        writeln!(self.stdin, "{line}").unwrap();
        while !text(path).ends_with(end) {
            let ended = self.run.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {}", fs::read_to_string(&self.stderr).unwrap());
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Ends the input, and returns the exit code with what was said.
    fn end(mut self) -> (Option<i32>, String) {
        drop(self.stdin);
        let code = self.run.wait().unwrap().code();
        (code, fs::read_to_string(self.stderr).unwrap())
    }
}

/// The contents of a file, if it is there.
fn text(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return String::from_utf8(bytes).unwrap();
    }
    let mut text = Vec::new();
    // The last part may have no end yet.
    let _ = MultiGzDecoder::new(&*bytes).read_to_end(&mut text);
    String::from_utf8(text).unwrap()
}

/// A run that writes to `out`, two records that it is fed, and what becomes of each.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    pipeline: &'static str,
    records: [&'static str; 2],
    written: [&'static str; 2],
    /// What each file begins with.
    head: &'static str,
    /// Whether `out` is there before the run.
    exists: bool,
}

/// Each case, without the output and with one that is there before the run.
fn cases() -> impl Iterator<Item = Case> {
    [false, true].into_iter().flat_map(|exists| CASES.map(|case| Case { exists, ..case }))
}

const CASES: [Case; 6] = [
    Case {
        name: "file",
        pipeline: "[sources.stdin]\n[sinks.file]\npath = \"out\"\n",
        records: ["1", "2"],
        written: ["1\n", "2\n"],
        head: "",
        exists: false,
    },
    Case {
        name: "append",
        pipeline: "[sources.stdin]\n[sinks.file]\npath = \"out\"\nappend = true\n",
        records: ["1", "2"],
        written: ["1\n", "2\n"],
        head: "",
        exists: false,
    },
    Case {
        name: "gzip",
        pipeline: "[sources.stdin]\n[sinks.file]\npath = \"out\"\ngzip = true\n",
        records: ["1", "2"],
        written: ["1\n", "2\n"],
        head: "",
        exists: false,
    },
    Case {
        name: "csv",
        pipeline: "[sources.stdin]\nformat = \"json\"\n[sinks.csv]\npath = \"out\"\n",
        records: [r#"{"a":1}"#, r#"{"a":2}"#],
        written: ["1\n", "2\n"],
        head: "a\n",
        exists: false,
    },
    Case { name: "-o", pipeline: "", records: ["1", "2"], written: ["2\n", "3\n"], head: "", exists: false },
    Case {
        name: "divert",
        pipeline: "",
        records: ["x", "y"],
        written: ["\"x\"}\n", "\"y\"}\n"],
        head: "",
        exists: false,
    },
];

impl Case {
    /// What runs it in a new folder.
    fn command(&self) -> (Files, Command) {
        let files = Files::new(self.pipeline);
        if self.exists {
            fs::write(files.path("out"), "").unwrap();
        }
        let command = match self.name {
            "-o" => plugin_run(["-o".to_owned(), files.path("out").display().to_string()]),
            "divert" => {
                let out = files.path("out").display().to_string();
                let mut command = plugin_run([format!("--on-fault=divert={out}"), "--exit-zero".to_owned()]);
                command.stdout(Stdio::null());
                command
            }
            _ => files.command(),
        };
        (files, command)
    }

    fn check(&self, path: &Path, records: &[usize]) {
        let text = text(path);
        assert!(
            text.starts_with(self.head) && text.lines().count() == self.head.lines().count() + records.len(),
            "{}: {text}",
            self.name
        );
        for (line, record) in text.lines().skip(self.head.lines().count()).zip(records) {
            assert!(line.ends_with(self.written[*record].trim_end()), "{}: {text}", self.name);
        }
    }
}

fn plugin_run(flags: [String; 2]) -> Command {
    let mut command = engine(["run", "-q", "--plugin"]);
    command.arg(plugin("inc")).args(flags);
    command
}

#[test]
fn an_output_that_is_renamed_or_removed_is_made_again() {
    for case in cases() {
        let (files, command) = case.command();
        let (out, moved) = (files.path("out"), files.path("moved"));
        let mut fed = Fed::new(command, &files);
        let [first, second] = case.records;
        fed.feed(first, &out, case.written[0]);
        fs::rename(&out, &moved).unwrap();
        fed.feed(second, &out, case.written[1]);
        fed.feed(first, &out, case.written[0]);
        case.check(&out, &[1, 0]);
        fs::remove_file(&out).unwrap();
        fed.feed(second, &out, case.written[1]);
        let (code, told) = fed.end();
        assert_eq!(code, Some(0), "{}: {told}", case.name);
        case.check(&moved, &[0]);
        case.check(&out, &[1]);
    }
}

#[test]
fn an_output_that_is_replaced_goes_on_after_what_is_there() {
    for case in cases() {
        let (files, command) = case.command();
        let out = files.path("out");
        let mut fed = Fed::new(command, &files);
        fed.feed(case.records[0], &out, case.written[0]);
        // What is compressed and has no end could not be appended to.
        let known = if case.name == "gzip" { Vec::new() } else { fs::read(&out).unwrap() };
        fs::write(files.path("other"), known).unwrap();
        fs::rename(files.path("other"), &out).unwrap();
        fed.feed(case.records[1], &out, case.written[1]);
        let (code, told) = fed.end();
        assert_eq!(code, Some(0), "{}: {told}", case.name);
        case.check(&out, if case.name == "gzip" { &[1] } else { &[0, 1] });
    }
}

#[test]
fn an_output_that_is_removed_last_is_there_at_the_end() {
    for case in cases().filter(|case| case.name != "divert") {
        let (files, command) = case.command();
        let out = files.path("out");
        let mut fed = Fed::new(command, &files);
        fed.feed(case.records[0], &out, case.written[0]);
        fs::remove_file(&out).unwrap();
        let (code, told) = fed.end();
        assert_eq!(code, Some(0), "{}: {told}", case.name);
        case.check(&out, &[]);
    }
}

#[test]
fn an_output_that_is_emptied_has_no_gap() {
    for case in cases().filter(|case| case.name != "gzip") {
        let (files, command) = case.command();
        let out = files.path("out");
        let mut fed = Fed::new(command, &files);
        fed.feed(case.records[0], &out, case.written[0]);
        File::options().write(true).open(&out).unwrap().set_len(0).unwrap();
        fed.feed(case.records[1], &out, case.written[1]);
        let (code, told) = fed.end();
        assert_eq!(code, Some(0), "{}: {told}", case.name);
        let written = text(&out);
        assert!(!written.contains('\0') && written.lines().count() == 1, "{}: {written:?}", case.name);
    }
}

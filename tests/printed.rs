//! What functions print comes out whole, whether or not a line ends there.

use std::io::{Read, Write};
use std::process::Stdio;

use crate::support::{engine, fed, function_of, hostile};

fn misdeed(name: &str) -> String {
    function_of(&hostile("misdeeds"), name)
}

/// What the sink `joins` prints of these records.
fn joined<'a>(records: impl IntoIterator<Item = &'a str>) -> String {
    records.into_iter().map(|record| format!("{record},")).collect()
}

#[test]
fn a_sink_prints_every_byte_without_a_newline() {
    let join = |records: &[String]| {
        let input: String = records.iter().map(|record| format!("{record}\n")).collect();
        let did = fed(engine(["run", "-q", "-p", &misdeed("joins")]), input);
        let expected = joined(records.iter().map(String::as_str));
        assert!(did.code == Some(0) && did.stdout == expected, "{} of {}", did.stdout.len(), expected.len());
    };
    join(&["a".into(), "b".into()]);
    // Around the sizes of buffers, of the guest and of the host.
    for size in [0, 1, 1022, 1023, 1024, 4096, 65_535, 65_536, 131_071, 300_000] {
        join(&[5, size].map(|size| "x".repeat(size)));
    }
    let records: Vec<_> = (0..30_000).map(|x| format!("{x:0100}")).collect();
    join(&records);
}

#[test]
fn what_a_sink_printed_before_a_fault_comes_out() {
    let input = "a\nb\nbad panic\nc\nd\nbad abort\ne\nbad loop\nf\n";
    let flags = ["run", "-q", "--timeout", "300ms", "--on-fault", "skip", "-p", &misdeed("joins")];
    let did = fed(engine(flags), input);
    // A panic is heard of in time; otherwise only what the failed record printed itself may be lost.
    assert_eq!(did.stdout, joined(["a", "b", "bad panic", "c", "d", "e", "f"]), "{}", did.stderr);
}

#[test]
fn a_run_that_is_ended_by_a_fault_writes_out_what_was_printed() {
    for bad in ["bad panic", "bad abort"] {
        let did = fed(engine(["run", "-q", "-p", &misdeed("joins")]), format!("1\n2\n{bad}\n3\n"));
        assert_eq!(did.code, Some(1), "{}", did.stderr);
        assert!(did.stdout.starts_with("1,2,") && !did.stdout.contains('3'), "{}", did.stdout);
    }
}

#[test]
fn a_record_without_a_newline_comes_out_while_the_input_stays_open() {
    let mut command = engine(["run", "-q", "-p", &misdeed("joins")]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    for record in ["a", "b"] {
        writeln!(stdin, "{record}").unwrap();
        let mut bytes = [0; 2];
        stdout.read_exact(&mut bytes).unwrap();
        assert_eq!(bytes, joined([record]).as_bytes());
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_message_without_a_newline_is_a_line() {
    let did = fed(engine(["run", "--sequential", "-p", &misdeed("mutters")]), "a\nb\n");
    assert_eq!((did.code, &*did.stdout), (Some(0), "a\nb\n"));
    let mut lines: Vec<_> = did.stderr.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["mutters: err a", "mutters: err b", "mutters: out a", "mutters: out b"]);
}

//! Signals to runs whose sinks or sources hang.

use std::io::Write;
use std::process::Command;
use std::thread;

use super::peer::peer;
use super::run::Run;
use crate::support::{engine, plugin};

/// The greeting of a NATS server without authentication.
const NATS: &str = "INFO {\"server_id\":\"x\",\"version\":\"2.12.0\",\"max_payload\":1048576,\"headers\":true,\
                    \"jetstream\":true}\r\nPONG\r\n";

#[test]
fn one_signal_ends_the_run_in_time_whatever_hangs() {
    let megabytes = "x".repeat(16 << 20) + "\n";
    let cases: [(&str, &str, &str, &str, &str); 7] = [
        (
            "",
            "x\n",
            "type = \"websocket\"\nurl = \"ws://ADDRESS/\"",
            "to finish the handshake",
            "the sink websocket",
        ),
        ("", &megabytes, "type = \"tcp\"\naddress = \"ADDRESS\"", "to read anything of what", "the sink tcp"),
        ("", "x\n", "type = \"http\"\nurl = \"http://ADDRESS/\"", "to answer the request", ""),
        (
            "",
            &megabytes,
            "type = \"process\"\ncommand = [\"sh\", \"-c\", \"echo x; sleep 1000\"]",
            "sh to read its input",
            "the sink process",
        ),
        (
            "",
            "x\n",
            "type = \"process\"\ncommand = [\"sh\", \"-c\", \"cat; sleep 1000\"]",
            "sh to read its input",
            "the end of the sink process",
        ),
        (
            "INFO {",
            "x\n",
            "type = \"nats\"\nserver = \"nats://ADDRESS\"\nsubject = \"x\"",
            "to accept a connection and its login",
            "the sink nats",
        ),
        (
            NATS,
            "x\n",
            "type = \"nats\"\nserver = \"nats://ADDRESS\"\nsubject = \"x\"",
            "the sink nats",
            "1 taken in",
        ),
    ];
    thread::scope(|scope| {
        for (greeting, input, sink, waits, where_) in cases {
            scope.spawn(move || {
                let folder = tempfile::tempdir().unwrap();
                let (address, connections) = peer(greeting);
                let sink = sink.replace("ADDRESS", &address);
                let mut run = Run::of_file(
                    folder.path(),
                    &format!("[sources.stdin]\n[sinks.out]\n{sink}\n"),
                    &["--drain-timeout", "1s"],
                );
                let mut stdin = run.0.stdin.take().unwrap();
                let input = input.to_owned();
                // It is not read to its end.
                let feeding = thread::spawn(move || {
                    let _ = stdin.write_all(input.as_bytes());
                    stdin
                });
                // It has begun.
                let _connection = if sink.contains(&address) {
                    Some(connections.recv().unwrap())
                } else {
                    assert_eq!(run.printed(), *b"x");
                    None
                };
                run.signal("-TERM");
                let did = run.ended();
                drop(feeding);
                assert_eq!(did.code, Some(1), "{sink}: {}", did.stderr);
                let said = &did.stderr;
                let begins = "engine: not finished within 1s (--drain-timeout): ";
                assert!(
                    said.contains(begins) && said.contains(waits) && said.contains(where_),
                    "{sink}: {said}"
                );
            });
        }
    });
}

#[test]
fn a_signal_ends_the_wait_for_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let pipe = pipe.to_str().unwrap();
    let files = format!("[sources.files]\npath = {pipe:?}\n[sinks.stdout]\n");
    let run = Run::of_file(folder.path(), &files, &["--drain-timeout", "0.2s"]);
    run.wait_until_handled(15);
    run.signal("-TERM");
    let did = run.ended();
    assert!(matches!(did.code, Some(1 | 143)), "{:?} {}", did.code, did.stderr);
    let mut command = engine(["run", "-q", "--drain-timeout", "200ms", "-o", pipe, "-p"]);
    command.arg(plugin("inc"));
    let run = Run::start(command);
    run.wait_until_handled(15);
    run.signal("-TERM");
    let did = run.ended();
    assert!(matches!(did.code, Some(1 | 143)), "{:?} {}", did.code, did.stderr);
}

#[test]
fn a_signal_ends_a_pipelines_wait_for_the_reader_of_its_output() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let files = format!("[sources.stdin]\n[sinks.file]\npath = {pipe:?}\n");
    let run = Run::of_file(folder.path(), &files, &["--drain-timeout", "100s"]);
    run.wait_until_handled(15);
    run.signal("-TERM");
    let did = run.ended();
    assert_eq!(did.code, Some(143), "{}", did.stderr);
}

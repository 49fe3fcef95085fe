//! Untrusted text on the terminal: no line can pass for the engine's own, or control the terminal.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

use tempfile::tempdir;

use crate::support::{Did, engine, fed, function_of, hostile, plugin};

/// Characters that control a terminal, or are invisible.
fn is_harmful(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Prefixes of lines that imitate the engine's.
const FORGED: [&str; 2] = ["engine: 7 records put aside", "engine: done"];

#[track_caller]
fn is_harmless(did: &Did) {
    for text in [&did.stdout, &did.stderr] {
        assert!(!text.contains(is_harmful), "{text:?}");
        let forged = |line: &str| FORGED.iter().any(|forged| line.starts_with(forged));
        assert!(!text.lines().any(forged), "{text:?}");
    }
}

/// Runs a function of the plugin that forges lines.
fn forged(function: &str, flags: &[&str]) -> Did {
    let mut command = engine(["run", "-p", &function_of(&hostile("forger"), function)]);
    command.args(flags);
    fed(command, "one\n")
}

#[test]
fn a_function_named_engine_cannot_pass_for_the_engine() {
    for name in ["engine", "еngine"] {
        let did = forged(name, &[]);
        is_harmless(&did);
        let line = format!("function {name}: 7 records put aside in /etc/passwd\n");
        assert_eq!((did.code, &*did.stdout, did.stderr), (Some(0), "one\n", line));
    }
}

#[test]
fn function_output_cannot_forge_extra_lines() {
    for (function, lines) in [("prints", 2), ("fails", 1), ("panics", 3)] {
        for flags in [&[][..], &["--json"]] {
            let did = forged(function, flags);
            is_harmless(&did);
            assert!(did.stderr.lines().count() <= lines + flags.len(), "{:?}", did.stderr);
            assert!(did.stderr.contains("oh\u{fffd}[2J") || did.stderr.contains("oh"), "{:?}", did.stderr);
        }
    }
}

#[test]
fn plugin_descriptions_are_printed_safely() {
    let forger = hostile("forger").display().to_string();
    for flags in [&[][..], &["--json"]] {
        let did = fed(engine([&["inspect"], flags, &[&*forger]].concat()), "");
        is_harmless(&did);
        assert!(did.code == Some(0) && did.stdout.contains("argues"), "{}", did.stdout);
    }
}

/// A name of a file that clears the screen and forges a line.
const NAME: &str = "a\x1b[2J\nengine: done\u{202e}b";

/// A pipeline that reads a folder of CSV files.
fn folder_pipeline(folder: &Path) -> String {
    let pipeline = folder.join("p.toml");
    let text =
        "[sources.folder]\npath = \"in\"\nonce = true\nlayout = \"csv\"\n[sinks.file]\npath = \"out\"\n";
    fs::write(&pipeline, text).unwrap();
    pipeline.display().to_string()
}

#[test]
fn file_names_are_printed_safely() {
    let folder = tempdir().unwrap();
    fs::create_dir(folder.path().join("in")).unwrap();
    fs::write(folder.path().join("in").join(format!("{NAME}.csv")), "a,b\n1,2,3\n").unwrap();
    let pipeline = folder_pipeline(folder.path());
    let did = fed(engine(["run", &pipeline]), "");
    is_harmless(&did);
    assert!(did.code == Some(1) && did.stderr.contains("engine: done\u{fffd}b.csv"), "{:?}", did.stderr);
    for name in ["there\x1b[2J.wasm", "\u{202e}\nengine: done"] {
        let did = fed(engine(["run", "-p", name]), "one\n");
        is_harmless(&did);
        assert_eq!((did.code, did.stderr.lines().count()), (Some(2), 1), "{:?}", did.stderr);
    }
    // Also as the plugin's name, which precedes what it says in `describe`.
    let engine_wasm = folder.path().join("engine: done.wasm");
    fs::copy(plugin("inc"), &engine_wasm).unwrap();
    let did = fed(engine(["run", "-p", engine_wasm.to_str().unwrap()]), "1\n");
    is_harmless(&did);
    assert_eq!(did.stdout, "2\n");
}

#[test]
fn pipeline_file_contents_are_printed_safely() {
    let folder = tempdir().unwrap();
    let pipeline = folder.path().join("p.toml");
    let text = "[sources.stdin]\n# \u{202e}\u{e0041}\nformat = \"\u{9b}2J\\u001b[2J\\nengine: done\"\n[sinks.stdout]\n";
    fs::write(&pipeline, text).unwrap();
    for args in [&["check"][..], &["check", "--json"], &["run"], &["graph"]] {
        let did = fed(engine(args.iter().copied().chain([pipeline.to_str().unwrap()])), "");
        is_harmless(&did);
        assert_eq!(did.code, Some(2), "{args:?}: {}", did.stderr);
    }
}

#[test]
fn server_answers_are_printed_safely() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = std::thread::spawn(move || {
        for client in listener.incoming().take(1).flatten() {
            let mut client = client;
            let _ = client.read(&mut [0; 4096]);
            let answer = "HTTP/1.1 422 oh\x1b[2J \u{202e}engine: done\r\nContent-Length: 5\r\n\r\n\x1b[2J\n";
            let _ = client.write_all(answer.as_bytes());
        }
    });
    let folder = tempdir().unwrap();
    let pipeline = folder.path().join("p.toml");
    fs::write(&pipeline, format!("[sources.stdin]\n[sinks.http]\nurl = \"http://{address}/\"\n")).unwrap();
    let did = fed(engine(["run", pipeline.to_str().unwrap()]), "one\n");
    is_harmless(&did);
    assert!(did.code == Some(1) && did.stderr.lines().count() == 1, "{:?}", did.stderr);
    serve.join().unwrap();
}

//! Runs that serve peers: they stay up, and each peer hears of its bad records.

use std::io::Write;
use std::net::TcpStream;
use std::process::Command;

use super::support::through;
use crate::support::pipelines::Files;
use crate::support::{Listening, posted};

const INC: &str = "[stages.inc]\ntype = \"map\"\nplugin = \"$PLUGINS/inc.wasm\"\n";

fn http(options: &str, rest: &str) -> Files {
    Files::new(&format!(
        "[sources.http]\naddress = \"127.0.0.1:0\"\n{options}\n{rest}[sinks.file]\npath = \"out\"\n"
    ))
}

#[test]
fn a_bad_post_gets_its_fault_and_the_run_goes_on() {
    let files = http("", INC);
    let run = Listening::start(&mut files.command());
    let post = |body| posted(&run.address, "/", "", body);
    assert!(post("1").starts_with("HTTP/1.0 202"));
    let answer = post("two");
    assert!(answer.starts_with("HTTP/1.0 400"), "{answer}");
    assert!(answer.ends_with("record 2: inc: expected an integer (i64), found \"two\"\n"), "{answer}");
    assert!(post("3").starts_with("HTTP/1.0 202"));
    let (code, said) = run.interrupt_and_hear();
    assert_eq!((code, &*files.read("out")), (Some(130), "2\n4\n"));
    assert!(said.contains("1 record left out, the first: record 2: inc: "), "{said}");
}

#[test]
fn a_run_that_serves_ends_at_a_fault_if_it_is_told_to() {
    for options in [("on_fault = \"stop\"\n", ""), ("", "[faults]\non_fault = \"stop\"\n")] {
        let files = http("", &format!("{INC}{}{}", options.0, options.1));
        let run = Listening::start(&mut files.command());
        let answer = posted(&run.address, "/", "", "two");
        assert!(answer.starts_with("HTTP/1.0 400"), "{answer}");
        let (code, said) = run.ended();
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("record 1: inc: expected an integer"), "{said}");
    }
}

#[test]
fn a_node_without_a_listener_before_it_still_ends_the_run() {
    let files = Files::new(
        "[sources.http]\naddress = \"127.0.0.1:0\"\n[sinks.posted]\ntype = \"file\"\npath = \"out\"\n\
         [sources.stdin]\n[stages.pluck]\nkey = \"x\"\n[sinks.stdout]\n",
    );
    let did = files.run("{}\n");
    assert_eq!(did.code, Some(1));
    assert!(did.stderr.contains("record 1: pluck: "), "{}", did.stderr);
}

#[test]
fn a_post_is_answered_when_its_results_are_in_the_file() {
    let scattered = format!("[stages.scatter]\n{INC}[stages.gather]\n");
    let files = http("respond = \"done\"\nlines = true", &scattered);
    let run = Listening::start(&mut files.command());
    let mut expected = String::new();
    for number in 0..100 {
        let answer = posted(&run.address, "/", "", &format!("{number}\n{number}0\n"));
        assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
        expected += &format!("{}\n{}\n", number + 1, number * 10 + 1);
        assert_eq!(files.read("out"), expected);
    }
    let answer = posted(&run.address, "/", "", "5\nsix\n");
    assert!(answer.starts_with("HTTP/1.0 400"), "{answer}");
    assert!(answer.contains("found \"six\" (record 2 of 2 in this request)\n"), "{answer}");
    assert_eq!(files.read("out"), expected + "6\n");
    assert_eq!(run.interrupt_and_hear().0, Some(130));
}

#[cfg(unix)]
#[test]
fn a_killed_run_has_the_result_or_the_letter_of_each_post_that_was_answered() {
    let policy = "on_fault = { divert = \"dead\" }\n";
    let files = http("respond = \"done\"", &format!("[stages.scatter]\n{INC}{policy}[stages.gather]\n"));
    let run = Listening::start(&mut files.command());
    let statuses: Vec<_> = ["1", "two", "3"]
        .map(|body| posted(&run.address, "/", "", body).split(' ').nth(1).unwrap().to_owned())
        .into();
    run.kill();
    assert_eq!(statuses, ["200", "400", "200"]);
    assert_eq!(files.read("out"), "2\n4\n");
    assert!(files.read("dead").contains("\"record\":\"two\""), "{}", files.read("dead"));
}

#[test]
fn a_line_that_is_too_long_is_one_fault_in_a_pipeline() {
    let files = Files::new(
        "[sources.tcp]\naddress = \"127.0.0.1:0\"\nlongest_line = \"100B\"\n[sinks.file]\npath = \"out\"\n",
    );
    let run = Listening::start(&mut files.command());
    let mut client = TcpStream::connect(&run.address).unwrap();
    client.write_all(format!("one\n{}\nthree\n", "x".repeat(300)).as_bytes()).unwrap();
    drop(client);
    while std::fs::read_to_string(files.path("out")).unwrap_or_default() != "one\nthree\n" {
        std::thread::yield_now();
    }
    let (code, said) = run.interrupt_and_hear();
    assert_eq!(code, Some(130));
    assert!(said.contains("1 record left out, the first: record 2: tcp: it is longer than 100 B"), "{said}");
}

#[test]
fn records_that_were_put_aside_fail_a_run_unless_it_is_told_otherwise() {
    let pluck = "[stages.pluck]\nkey = \"x\"\non_fault = { divert = \"dead\" }\n";
    let did = through(&format!("[faults]\nexit_zero = true\n{pluck}"), "{}\n");
    assert_eq!(did.code, Some(0), "{}", did.stderr);
    assert!(did.stderr.contains("1 record put aside in "), "{}", did.stderr);
    assert_eq!(through(pluck, "{}\n").code, Some(1));
    let wrong = through(&format!("{pluck}exit_zero = true\n"), "{}\n");
    assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
    let inc = crate::support::plugin("inc");
    let folder = tempfile::tempdir().unwrap();
    let run = |flags: &[&str]| {
        let mut command: Command = crate::support::engine(["run", "-p"]);
        command.arg(&inc).args(flags).current_dir(&folder);
        crate::support::fed(command, "1\nx\n")
    };
    let divert = ["--on-fault", "divert=dead"];
    assert_eq!(run(&divert).code, Some(1));
    let did = run(&[&divert[..], &["--exit-zero"]].concat());
    assert_eq!((did.code, &*did.stdout), (Some(0), "2\n"));
    assert!(did.stderr.contains("engine: 1 record put aside in dead"), "{}", did.stderr);
    assert_eq!(run(&[&divert[..], &["--exit-zero", "--json"]].concat()).code, Some(0));
    let refused = run(&["--exit-zero"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
}

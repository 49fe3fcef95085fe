//! Options of sources and sinks in pipeline files: invalid ones, and their effect on files.

use std::fs;
use std::process::Command;

use engine::pipeline::Pipeline;
use expect_test::expect;

use super::diagnostics::check;
use crate::support::Listening;
use crate::support::pipelines::Files;

#[test]
fn impossible_csv_options() {
    check(
        "[sources.folder]\npath = \".\"\nlayout = \"csv\"\ncsv = { delimeter = \";\" }\n[sinks.stdout]\n",
        expect!["p.toml:4:9: csv has no option delimeter (did you mean delimiter?)"],
    );
    check(
        "[sources.folder]\npath = \".\"\nlayout = \"csv\"\ncsv = { delimiter = \"'\", quote = \"'\" }\n[sinks.stdout]\n",
        expect![[
            r#"p.toml:4:21: folder: the delimiter and the quote must be different (choose another delimiter or quote)"#
        ]],
    );
    check(
        "[sources.csv]\npath = \"in\"\nquote = \"é\"\ndelimiter = \"\\r\"\n[sinks.out]\ntype = \"csv\"\npath = \"out\"\ndelimiter = \"\\n\"\n",
        expect![[r#"
            p.toml:3:9: quote: expected one ASCII character, as "'", or "" for none, found "é"
            p.toml:4:13: delimiter: expected one ASCII character, as "," or "\t", found "\r"
            p.toml:8:13: delimiter: expected one ASCII character, as "," or "\t", found "\n""#]],
    );
    check(
        "[sources.csv]\npath = \"in\"\ndelimiter = \"\\\"\"\n[sinks.out]\ntype = \"csv\"\npath = \"out\"\ndelimiter = \"\\\"\"\n",
        expect![[r#"
            p.toml:3:13: csv: the delimiter and the quote must be different (choose another delimiter or quote)
            p.toml:7:13: out: double quotes are around fields (choose another one)"#]],
    );
    check(
        "[sources.csv]\npath = \"in\"\nquote = \"\"\ndelimiter = \"\\\"\"\n[sinks.stdout]\n",
        expect!["no mistakes"],
    );
}

#[cfg(feature = "cluster")]
#[test]
fn impossible_names_of_nats_streams() {
    check(
        "[sources.nats]\nserver = \"nats://me:key@host\"\nstream = \"A\"\nconsumer = \"b\"\n[sinks.out]\ntype = \"nats\"\nserver = \"http://host\"\nsubject = \"a\"\n",
        expect![[r#"
            p.toml:2:10: nats: "nats://host" is not the address of a broker: secrets would be seen by everybody on this machine: put them into a file
            p.toml:7:10: out: "http://host" is not the address of a broker: write nats://HOST:PORT, or tls://HOST:PORT"#]],
    );
    check(
        "[sources.nats]\nserver = \"nats://host\"\nstream = \"A.B\"\nconsumer = \"b\"\n[sinks.out]\ntype = \"nats\"\nserver = \"host\"\nsubject = \"a.*\"\n",
        expect![[r#"
            p.toml:3:10: nats: "A.B" is not a valid stream name (a name has no spaces, dots, slashes, * or >)
            p.toml:8:11: out: "a.*" is not a valid subject (as "orders.new")"#]],
    );
    check(
        "[sources.nats]\nserver = \"nats://host\"\nstream = \"A\"\nconsumer = \"b\"\nsubject = \"a..b\"\n[sinks.out]\ntype = \"nats\"\nserver = \"host\"\ncredentials = \"none\"\nsubject = \"a\"\n",
        expect![[r#"
            p.toml:5:11: nats: "a..b" is not a valid subject (as "orders.new", "orders.*" or "orders.>")
            p.toml:9:15: out: can't read none: No such file or directory (os error 2)"#]],
    );
}

#[test]
fn invalid_patterns_and_addresses() {
    check(
        "[sources.folder]\npath = \".\"\nnames = \"[a\"\n[sinks.tcp]\naddress = \"nonsense\"\n",
        expect![[r#"
            p.toml:3:9: folder: "[a" is not a pattern for file names: unclosed character class; missing ']'
            p.toml:5:11: address: expected a host and a port, as "127.0.0.1:9000", found "nonsense""#]],
    );
    check(
        "[sources.tcp]\naddress = \"host:99999\"\nidle = \"1m\"\non_fault = \"skip\"\n[sinks.http]\nurl = \"http://\"\n",
        expect![[r#"
            p.toml:2:11: address: expected a host and a port, as "127.0.0.1:9000", found "host:99999"
            p.toml:6:7: http: "http://" is not an HTTP URL: empty host"#]],
    );
    check(
        "[sources.in]\ntype = \"http\"\naddress = \":80\"\n[sinks.http]\nurl = \"https://me:key@host:x/?key\"\n",
        expect![[r#"
            p.toml:3:11: address: expected a host and a port, as "127.0.0.1:9000", found ":80"
            p.toml:5:7: http: "https://host:x/" is not an HTTP URL: invalid port number"#]],
    );
    check(
        "[sources.in]\ntype = \"http\"\naddress = \"[::1]:80\"\npath = \"/a?b\"\n[sinks.http]\nurl = \"https://host\"\nheaders = { \"a b\" = \"x\" }\n",
        expect![[r#"
            p.toml:4:8: in: "/a?b" is not a valid path (write it as in a URL)
            p.toml:7:21: http: "a b" is not a valid header name"#]],
    );
    check(
        "[sources.in]\ntype = \"http\"\naddress = \"localhost:80\"\norigins = [\"https://example.org/\"]\n[sinks.http]\nurl = \"https://host\"\nheaders = { a = \"x\\ny\" }\n",
        expect![[r#"
            p.toml:4:11: in: "https://example.org/" is not the origin of a web page (write "https://example.org")
            p.toml:7:17: http: the value of a is not valid in a header"#]],
    );
    check(
        "[sources.websocket]\nurl = \"ws://\"\n[sinks.out]\ntype = \"websocket\"\nurl = \"wss://me:key@a b/?key\"\n",
        expect![[r#"
            p.toml:2:7: websocket: "ws://" is not a WebSocket URL: HTTP format error: empty string
            p.toml:5:7: out: "wss://a b/" is not a WebSocket URL: HTTP format error: invalid uri character"#]],
    );
}

#[test]
fn the_files_of_all_sinks_are_truncated_when_the_run_starts() {
    let files = Files::new(
        "[sources.tcp]\naddress = \"127.0.0.1:0\"\n\
         [sinks.plain]\ntype = \"file\"\npath = \"plain\"\n\
         [sinks.packed]\ntype = \"file\"\npath = \"packed\"\ngzip = true\n\
         [sinks.rotating]\ntype = \"file\"\npath = \"rotating\"\nrotate_at = \"1KiB\"\n\
         [sinks.csv]\npath = \"rows\"\n\
         [sinks.kept]\ntype = \"file\"\npath = \"kept\"\nappend = true\n",
    );
    let names = ["plain", "packed", "rotating", "rows", "kept"];
    for name in names {
        files.write(name, "old\n");
    }
    let run = Listening::start(&mut files.command());
    assert_eq!(names.map(|name| files.read(name)), ["", "", "", "", "old\n"]);
    assert_eq!(run.interrupt(), Some(130));
}

#[cfg(unix)]
#[test]
fn the_reader_of_a_pipe_gets_all_lines() {
    let files = Files::new("[sources.stdin]\n[sinks.file]\npath = \"pipe\"\n");
    let pipe = files.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reading = std::thread::spawn(move || fs::read_to_string(pipe).unwrap());
    assert_eq!(files.run("1\n2\n").code, Some(0));
    assert_eq!(reading.join().unwrap(), "1\n2\n");
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_cannot_be_written_is_named() {
    let files = Files::new("[sources.stdin]\n[sinks.file]\npath = \"/dev/full\"\n");
    let did = files.run("1\n");
    assert_eq!(did.code, Some(1));
    assert!(did.stderr.contains("can't write /dev/full: No space left on device"), "{}", did.stderr);
}

#[test]
fn an_invalid_option_leaves_files_untouched() {
    let files = Files::new(
        "[sources.stdin]\n[sinks.file]\npath = \"out\"\ngzip = true\n[sinks.tcp]\naddress = \"no\"\n",
    );
    files.write("out", "old\n");
    assert!(Pipeline::blocking_open(files.path("pipeline.toml")).is_err());
    assert_eq!(fs::read_to_string(files.path("out")).unwrap(), "old\n");
}

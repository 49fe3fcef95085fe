//! Sources and sinks of pipeline files.

use std::fs;

use crate::support::pipelines::Files;
use crate::support::{Listening, posted};

#[test]
fn csv_tables_are_read_and_written() {
    let files = Files::new(
        "[sources.csv]\npath = \"in.csv\"\ninfer = true\ndelimiter = \";\"\non_fault = { divert = \"dead\" }\n\
         [sinks.csv_out]\ntype = \"csv\"\npath = \"out.csv\"\ncolumns = [\"b\", \"a\"]\n\
         [sinks.stdout]\n",
    );
    files.write("in.csv", "a;b\n1;x\n2\n3;\"y;z\"\n");
    let did = files.run("");
    assert_eq!((did.code, &*did.stdout), (Some(1), "{\"a\":1,\"b\":\"x\"}\n{\"a\":3,\"b\":\"y;z\"}\n"));
    assert_eq!(files.read("out.csv"), "b,a\nx,1\ny;z,3\n");
    assert!(files.read("dead").contains("\"record\":\"2\""), "{}", files.read("dead"));
    let ndjson = Files::new("[sources.ndjson]\non_fault = \"skip\"\n[sinks.stdout]\nnull = true\n");
    assert_eq!(ndjson.run("{\"a\": 1}\nno\n2\n").stdout, "{\"a\": 1}\x002\x00");
}

#[test]
fn files_of_all_kinds_are_read() {
    let files =
        Files::new("[sources.folder]\npath = \"in\"\nnames = \"*.log\"\nonce = true\n[sinks.stdout]\n");
    fs::create_dir(files.path("in")).unwrap();
    files.write("in/b.log", "3\n");
    files.write("in/a.log", "1\n2");
    files.write("in/c.txt", "4\n");
    assert_eq!(files.run("").stdout, "1\n2\n3\n");
    let files = Files::new(
        "[sources.stdin]\n[sinks.file]\npath = \"out\"\nrotate_at = \"4B\"\nkeep = 1\n\
         [sinks.packed]\ntype = \"file\"\npath = \"out.gz\"\ngzip = true\n",
    );
    assert_eq!(files.run("1\n2\n3\n4\n5\n").code, Some(0));
    assert_eq!((files.read("out"), files.read("out.1")), ("5\n".into(), "3\n4\n".into()));
    let packed = format!("[sources.files]\npath = \"{}\"\n[sinks.stdout]\n", files.path("out.gz").display());
    assert_eq!(Files::new(&packed).run("").stdout, "1\n2\n3\n4\n5\n");
}

#[test]
fn processes_and_periodic_sources_work() {
    let files = Files::new(
        "[sources.process]\ncommand = [\"printf\", \"2\\\\n1\\\\n\"]\n\
         [sinks.sort]\ntype = \"process\"\ncommand = [\"sort\", \"-o\", \"sorted\"]\n",
    );
    let did = files.run("");
    assert_eq!((did.code, files.read("sorted")), (Some(0), "1\n2\n".into()), "{}", did.stderr);
    let clock = "[sources.periodic]\ninterval = \"1ms\"\ntimes = 3\n[sinks.stdout]\n";
    assert_eq!(Files::new(clock).run("").stdout, "0\n1\n2\n");
    let value = "[sources.periodic]\ninterval = \"1ms\"\ntimes = 2\nvalue = { a = [1] }\n[sinks.stdout]\n";
    assert_eq!(Files::new(value).run("").stdout, "{\"a\":[1]}\n{\"a\":[1]}\n");
}

#[test]
fn a_source_counts_to_its_end_or_until_the_run_is_stopped() {
    let count = |options: &str| {
        Files::new(&format!("[sources.count]\n{options}\n[stages.slice]\nend = 4\n[sinks.stdout]\n"))
    };
    assert_eq!(count("start = 3\nend = 12\nstep = 4").run("").stdout, "3\n7\n11\n");
    assert_eq!(count("end = 3\nevery = \"1ms\"").run("").stdout, "0\n1\n2\n");
    assert_eq!(count("start = 3\nend = 3").run("").stdout, "");
    let many = Files::new("[sources.count]\nend = 100000\nstep = 1\n[sinks.file]\npath = \"out\"\n");
    assert_eq!(many.run("").code, Some(0));
    let expected: String = (0..100_000).map(|number| format!("{number}\n")).collect();
    assert_eq!(many.read("out"), expected);
}

#[test]
fn posted_records_are_accepted_and_written() {
    let files = Files::new(
        "[sources.http]\naddress = \"127.0.0.1:0\"\npath = \"/events\"\nformat = \"json\"\n\
         [stages.pluck]\nkey = \"user\"\n[sinks.file]\npath = \"out\"\n",
    );
    let run = Listening::start(&mut files.command());
    for user in 1..=3 {
        let body = format!("{{\"user\":{user}}}");
        let answer = posted(&run.address, "/events", "application/json", &body);
        assert!(answer.starts_with("HTTP/1.0 202"), "{answer}");
    }
    assert_eq!(run.interrupt(), Some(130));
    assert_eq!(files.read("out"), "1\n2\n3\n");
}

#[test]
fn pipelines_exchange_lines_over_tcp_and_http() {
    let lines = "1\n2\n3\n";
    for (source, sink) in [
        ("tcp", "[sinks.tcp]\naddress = \"$AT\"\n"),
        (
            "http",
            "[sinks.http]\nurl = \"http://$AT/\"\nbatch = 2\nheaders = { content-type = \"application/x-ndjson\" }\n",
        ),
    ] {
        let taker = Files::new(&format!(
            "[sources.{source}]\naddress = \"127.0.0.1:0\"\n[sinks.file]\npath = \"out\"\n"
        ));
        let run = Listening::start(&mut taker.command());
        let giver = Files::new(&format!("[sources.stdin]\n{}", sink.replace("$AT", &run.address)));
        let did = giver.run(lines);
        assert_eq!((did.code, &*did.stderr), (Some(0), ""), "{source}");
        // TCP has no sign that all was read: wait until it is written.
        while fs::read_to_string(taker.path("out")).unwrap_or_default() != lines {
            std::thread::yield_now();
        }
        assert_eq!(run.interrupt(), Some(130), "{source}");
        assert_eq!(taker.read("out"), lines, "{source}");
    }
}

//! What a run reports about itself: metrics for Prometheus, the API's schema, report pages.

use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::thread;

use serde_json::{Value, json};

use crate::dashboard::{Run, inc};
use crate::support::browser::Browser;
use crate::support::pipelines::Files;
use crate::support::{engine, fed, function_of, hostile, plugin};

/// The JSON that a Python script prints. None, with a note, if its modules are missing; CI must have them.
fn python(modules: &str, script: &str, input: &str) -> Option<Value> {
    let run = |script: &str, input: &str| {
        let mut python = Command::new("/usr/bin/python3");
        python.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = python.spawn().ok()?;
        child.stdin.take()?.write_all(input.as_bytes()).ok()?;
        child.wait_with_output().ok()
    };
    let there = run(&format!("import {modules}"), "").is_some_and(|output| output.status.success());
    if !there {
        assert!(std::env::var_os("CI").is_none(), "Python has no {modules}");
        println!("skipped: Python has no {modules}");
        return None;
    }
    let output = run(&format!("import json, sys, {modules}\n{script}"), input).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn the_prometheus_parser_reads_the_metrics() {
    let mut run = inc();
    run.feed("1\n2\n3\n");
    run.wait_for(|status| status["run"]["delivered"] == 3);
    let (_, metrics) = run.ask("GET", "/metrics", &[]);
    assert_eq!(run.end(), (Some(0), String::new()));
    let script = "
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
told = {}
for family in parse(sys.stdin.read()):
    assert family.documentation, family.name
    assert family.samples or family.name == 'engine_faults', family.name
    assert not family.name.endswith(('_time', '_memory', '_memory_most')) or family.unit, family.name
    told[family.name] = [family.type, family.unit, [[s.labels, s.value] for s in family.samples]]
print(json.dumps(told))";
    let Some(told) = python("prometheus_client", script, &metrics) else { return };
    let function = json!({ "function": "inc", "place": "0" });
    assert_eq!(told["engine_function_records"], json!(["counter", "", [[function, 3]]]));
    assert_eq!(told["engine_function_time_seconds"][1], "seconds");
    let nodes = told["engine_node_records"][2].as_array().unwrap();
    assert_eq!(nodes.len(), 5);
    assert!(nodes.iter().all(|node| node[1] == 3), "{nodes:?}");
}

#[test]
fn the_api_matches_its_schema() {
    let inc = plugin("inc").display().to_string();
    let mut run = Run::start(engine(["run", "-q", "-p", &inc, "--on-fault", "skip"]));
    run.feed("1\n2\n3\nfour\n");
    let paths = ["status", "calls", "snapshot", "history", "schema"];
    run.wait_for(|status| status["run"]["delivered"] == 3);
    let told = paths.map(|path| {
        let (code, body) = run.ask("GET", &format!("/api/v1/{path}"), &[]);
        assert_eq!(code, 200, "{path}");
        (path.to_owned(), serde_json::from_str::<Value>(&body).unwrap())
    });
    assert_eq!(run.end().0, Some(0));
    let told: serde_json::Map<_, _> = told.into_iter().collect();
    // Each field in use is in the schema.
    let script = "
told = json.load(sys.stdin)
schema = told.pop('schema')
def close(part):
    if isinstance(part, dict):
        if isinstance(part.get('properties'), dict):
            part['additionalProperties'] = False
            for name, described in part['properties'].items():
                assert 'description' in described or '$ref' in described, name
        for inner in part.values(): close(inner)
    elif isinstance(part, list):
        for inner in part: close(inner)
close(schema)
for path, value in told.items():
    wanted = dict(schema['properties'][path], **{'$defs': schema['$defs']})
    jsonschema.Draft202012Validator(wanted).validate(value)
print(json.dumps(sorted(told)))";
    let Some(checked) = python("jsonschema", script, &Value::Object(told).to_string()) else { return };
    assert_eq!(checked, json!(["calls", "history", "snapshot", "status"]));
}

#[test]
fn a_report_is_one_self_contained_page() {
    let files = Files::new(&format!(
        "[sources.numbers]\ntype = \"stdin\"\n[stages.scatter]\n[stages.work]\ntype = \"map\"\nplugin = \"{}\"\n\
         function = \"fails\"\non_fault = {{ divert = \"dead.ndjson\" }}\n[stages.gather]\n[sinks.all]\n\
         type = \"file\"\npath = \"out\"\n",
        hostile("misdeeds").display()
    ));
    let report = files.path("report.html");
    let hostile = "bad </script><img src=x onerror=alert(1)>\u{1b}[31m {{body}}";
    let mut command = files.command();
    command.arg("--report").arg(&report);
    let did = fed(command, format!("good\n{hostile}\n"));
    assert_eq!(did.code, Some(1), "{}", did.stderr);
    assert!(did.stderr.contains(&format!("engine: report in {}\n", report.display())), "{}", did.stderr);
    let Some(mut page) = Browser::open(&format!("file://{}", report.display()), 1280, 1000, true) else {
        return;
    };
    page.wait_for("document.getElementById('state').textContent === 'done'");
    for name in ["numbers", "scatter", "work", "gather", "all"] {
        page.wait_for(&format!("document.getElementById('graph').textContent.includes('{name}')"));
    }
    page.wait_for("document.body.innerText.includes('calls of the whole run')");
    let text = page.text();
    assert!(text.contains("Done: 2 records in, 1 out. 1 record became a fault (1 failed)."), "{text}");
    assert!(text.contains("</script><img src=x onerror=alert(1)>"), "{text}");
    assert!(text.contains("{{body}}") && text.contains("calls of the whole run"), "{text}");
    // The node that failed leads to its dead letters.
    assert_eq!(page.value("document.querySelectorAll('#graph a[href]').length"), 1);
    page.value("document.querySelector('#graph a[href] .box').dispatchEvent(new MouseEvent('click', { bubbles: true }))");
    page.wait_for("document.querySelector('#letters li:target') !== null");
    let target = page.value("document.querySelector('#letters li:target').textContent");
    assert!(target.as_str().unwrap().starts_with("fails (node work)1 fault"), "{target}");
    let shown = page.value("document.querySelector('#letters code').textContent");
    let letters = Command::new("sh").args(["-c", shown.as_str().unwrap()]).output().unwrap();
    let letter: Value = serde_json::from_slice(&letters.stdout).unwrap();
    assert_eq!((&letter["node"], &letter["number"]), (&"work".into(), &2.into()));
    // Records that the policy diverted are no failure.
    assert_eq!(page.value("document.getElementById('diagnosis').className"), "warning");
    assert_eq!(page.value("document.querySelectorAll('#functions tbody tr').length"), 1);
    assert_eq!(page.value("getComputedStyle(document.getElementById('controls')).display"), "none");
    assert_eq!(page.complaints, [""; 0]);
    let asked: Vec<_> = page.asked.iter().filter(|url| !url.starts_with("data:")).collect();
    assert_eq!(asked.len(), 1, "{asked:?}");
}

#[test]
fn a_failed_run_writes_a_report_and_overwrites_no_other_file() {
    let folder = tempfile::tempdir().unwrap();
    let inc = plugin("inc").display().to_string();
    let report = |name: &str, input: &str| {
        let path = folder.path().join(name);
        fed(engine(["run", "-p", &inc, "--report", path.to_str().unwrap()]), input)
    };
    let did = report("failed.html", "1\ntwo\n");
    assert_eq!(did.code, Some(1));
    let page = fs::read_to_string(folder.path().join("failed.html")).unwrap();
    assert!(page.contains("\"state\":\"failed\"") && page.contains("expected an integer"), "{}", did.stderr);
    fs::write(folder.path().join("numbers"), "1\n").unwrap();
    let did = report("numbers", "");
    assert_eq!(did.code, Some(2), "{}", did.stderr);
    assert!(did.stderr.contains("write a name that ends in .html"), "{}", did.stderr);
    let did = report("nowhere/page.html", "");
    assert_eq!(did.code, Some(2), "{}", did.stderr);
    assert!(did.stderr.contains("nowhere/page.html: No such file or directory"), "{}", did.stderr);
    assert!(!did.stderr.contains(".report"), "{}", did.stderr);
    let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn a_failed_run_shows_as_failed_in_any_summary_format() {
    let inc = plugin("inc").display().to_string();
    let files = Files::new(&format!(
        "[sources.stdin]\n[stages.inc]\ntype = \"map\"\nplugin = \"{inc}\"\n[sinks.all]\ntype = \"file\"\npath = \"out\"\n"
    ));
    let report = files.path("run.html");
    let chain = |more: &[&str]| {
        let mut command = engine(["run", "-p", &inc]);
        command.args(more);
        command
    };
    for (name, command) in [
        ("in lines", chain(&["-q"])),
        ("as JSON", chain(&["--json"])),
        ("sequential, as JSON", chain(&["--sequential", "--json"])),
        ("a file, in lines", files.command()),
        ("a file, as JSON", {
            let mut command = files.command();
            command.arg("--json");
            command
        }),
    ] {
        let mut command = command;
        command.arg("--hold").arg("--report").arg(&report);
        let mut run = Run::start(command);
        run.feed("1\ntwo\n");
        let status = run.wait_for(|status| status["run"]["error"].is_string());
        assert_eq!(status["run"]["state"], "failed", "{name}");
        assert!(status["run"]["error"].as_str().unwrap().contains("record 2"), "{name}: {status:#}");
        run.ask("POST", "/api/v1/stop", &[&run.bearer()]);
        assert_eq!(run.end().0, Some(1), "{name}");
        let page = fs::read_to_string(&report).unwrap();
        assert!(page.contains("\"state\":\"failed\""), "{name}");
        fs::remove_file(&report).unwrap();
    }
}

#[test]
fn a_report_replaces_no_other_file() {
    let folder = tempfile::tempdir().unwrap();
    let inc = plugin("inc").display().to_string();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("in.html"), "1\ntwo\n").unwrap();
    for (args, told) in [
        (vec!["-i", "in.html", "--report", "in.html"], "it is an input too"),
        (vec!["-i", "in.html", "-o", "out.html", "--report", "out.html"], "something else is written there"),
        (
            vec!["-i", "in.html", "--on-fault", "divert=dead.html", "--report", "dead.html"],
            "something else is written there",
        ),
    ] {
        let mut command = engine(["run", "-p", &inc]);
        command.args(&args).current_dir(&folder);
        let did = fed(command, "");
        assert_eq!(did.code, Some(2), "{args:?}: {}", did.stderr);
        assert!(did.stderr.contains(told), "{}", did.stderr);
    }
    let files = Files::new("[sources.stdin]\n[sinks.all]\ntype = \"file\"\npath = \"all.html\"\n");
    let mut command = files.command();
    command.arg("--report").arg(files.path("all.html"));
    let did = fed(command, "1\n");
    assert_eq!(did.code, Some(2), "{}", did.stderr);
    assert_eq!(fs::read_to_string(path("in.html")).unwrap(), "1\ntwo\n");
    let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["in.html"]);
}

#[test]
fn a_stopped_run_says_so_and_still_reports() {
    let folder = tempfile::tempdir().unwrap();
    let inc = plugin("inc").display().to_string();
    let [report, dead] =
        ["run.html", "dead.ndjson"].map(|name| folder.path().join(name).display().to_string());
    let divert = format!("divert={dead}");
    let mut run = Run::start(engine(["run", "-q", "-p", &inc, "--on-fault", &divert, "--report", &report]));
    run.feed("1\ntwo\n3\n");
    run.wait_for(|status| status["run"]["delivered"] == 2 && status["run"]["faults"] == 1);
    run.ask("POST", "/api/v1/stop", &[&run.bearer()]);
    let (code, said) = run.end();
    assert_eq!(
        (code, &*said),
        (
            Some(143),
            "engine: 1 record put aside in $\nengine: stopped: records in progress are not finished\n"
                .replace('$', &dead)
                .as_str()
        )
    );
    assert!(fs::read_to_string(&report).unwrap().contains("\"state\":\"stopped\""));
    assert!(fs::read_to_string(&dead).unwrap().contains("\"record\":\"two\""));
    let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn a_held_dashboard_stays_after_a_drain_and_a_failure() {
    let inc = plugin("inc").display().to_string();
    let mut run = Run::start(engine(["run", "-q", "-p", &inc, "--hold"]));
    run.feed("1\n");
    run.wait_for(|status| status["run"]["delivered"] == 1);
    run.ask("POST", "/api/v1/drain", &[&run.bearer()]);
    let first = run.wait_for(|status| status["run"]["state"] == "drained");
    // The status no longer changes.
    assert_eq!(run.wait_for(|_| true), first);
    run.ask("POST", "/api/v1/stop", &[&run.bearer()]);
    let told = "engine: drained from a view\nengine: the dashboard stays until Ctrl-C\n".to_owned();
    assert_eq!(run.end(), (Some(143), told));
    // The error is printed before the dashboard closes.
    let mut run = Run::start(engine(["run", "-q", "-p", &inc, "--hold"]));
    run.feed("two\n");
    run.wait_for(|status| status["run"]["state"] == "failed");
    run.ask("POST", "/api/v1/stop", &[&run.bearer()]);
    let (code, said) = run.end();
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(code, Some(1), "{said}");
    assert!(lines[0].starts_with("engine: record 1: inc:") && lines[1].ends_with("until Ctrl-C"), "{said}");
}

#[cfg(unix)]
#[test]
fn a_held_dashboard_stays_after_a_stop_with_calls_in_flight() {
    let function = function_of(&hostile("misdeeds"), "sleeps_forever");
    let mut run = Run::start(engine(["run", "-q", "-p", &function, "--timeout", "1h", "--hold"]));
    run.feed("good\nbad\n");
    run.wait_for(|status| status["run"]["emitted"] == 2 && status["run"]["delivered"] == 1);
    run.ask("POST", "/api/v1/stop", &[&run.bearer()]);
    let last = run.wait_for(|status| status["run"]["state"] == "stopped");
    assert_eq!(last["run"]["delivered"], 1);
    assert_eq!(run.wait_for(|_| true), last);
    assert_eq!(run.ask("POST", "/api/v1/stop", &[&run.bearer()]).0, 409);
    let pid = run.child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let told =
        "engine: stopped: records in progress are not finished\nengine: the dashboard stays until Ctrl-C\n";
    assert_eq!(run.end(), (Some(143), told.to_owned()));
}

/// The bytes of the input that are done, and its size.
fn input(told: &Value) -> (u64, u64) {
    let input = &told["run"]["input"];
    (input["done"].as_u64().unwrap(), input["all"].as_u64().unwrap())
}

#[test]
fn the_input_size_is_known_in_every_format() {
    let rows: String = (0..1000).map(|row| format!("{row},x\n")).collect();
    let lines: String = (0..1000).map(|row| format!("{{\"n\":{row}}}\n")).collect();
    let packed = {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(lines.as_bytes()).unwrap();
        packer.finish().unwrap()
    };
    for (kind, name, bytes) in [
        ("type = \"csv\"\nheaders = [\"n\", \"x\"]", "rows", rows.as_bytes()),
        ("type = \"ndjson\"", "lines", lines.as_bytes()),
        ("type = \"ndjson\"", "packed", &packed),
        ("type = \"files\"", "text", rows.as_bytes()),
        ("type = \"folder\"\nonce = true", ".", rows.as_bytes()),
    ] {
        let files = Files::new(&format!(
            "[sources.all]\n{kind}\npath = \"data/{name}\"\n[sinks.out]\ntype = \"file\"\npath = \"out\"\n"
        ));
        fs::create_dir(files.path("data")).unwrap();
        let name = if name == "." { "one" } else { name };
        files.write(&format!("data/{name}"), bytes);
        let mut command = files.command();
        command.args(["-q", "--hold"]);
        let run = Run::start(command);
        let status = run.wait_for(|status| status["run"]["state"] == "done");
        assert_eq!(status["run"]["delivered"], 1000, "{kind}");
        let all = bytes.len() as u64;
        assert_eq!(input(&status), (all, all), "{kind}: {status:#}");
        run.ask("POST", "/api/v1/stop", &[&run.bearer()]);
        assert_eq!(run.end().0, Some(0), "{kind}");
    }
}

#[test]
fn a_half_sent_request_does_not_delay_the_end() {
    let mut run = inc();
    let mut slow = std::net::TcpStream::connect(run.address()).unwrap();
    slow.write_all(b"GET /api/v1/status HTTP/1.1\r\nHost: ").unwrap();
    run.feed("1\n");
    run.wait_for(|status| status["run"]["delivered"] == 1);
    let reading = thread::spawn(move || {
        let mut rest = Vec::new();
        slow.read_to_end(&mut rest).map(|_| rest)
    });
    assert_eq!(run.end(), (Some(0), String::new()));
    // It is closed, not left open.
    let _ = reading.join().unwrap();
}

//! The dashboard of real runs, as people and programs see it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, ChildStdin, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::browser::Browser;
use crate::support::pipelines::Files;
use crate::support::{engine, function_of, hostile, plugin};

/// A run with a dashboard.
pub(crate) struct Run {
    pub(crate) child: Child,
    stdin: Option<ChildStdin>,
    stderr: BufReader<ChildStderr>,
    pub(crate) url: String,
    pub(crate) address: String,
    token: String,
}

impl Run {
    pub(crate) fn start(mut command: std::process::Command) -> Self {
        command.args(["--dashboard", "127.0.0.1:0"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let told = || serde_json::from_str::<Value>(&line).ok()?["dashboard"].as_str().map(str::to_owned);
        let plain = line.trim().split_once(" at ").map(|(_, url)| url.to_owned());
        let url = plain.or_else(told).unwrap_or_else(|| panic!("{line}"));
        let rest = url.strip_prefix("http://").unwrap();
        let (address, token) = rest.split_once("/status?token=").unwrap();
        let (address, token) = (address.to_owned(), token.to_owned());
        let stdin = child.stdin.take();
        Self { child, stdin, stderr, url, address, token }
    }

    pub(crate) fn feed(&mut self, records: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(records.as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    /// The answer to a request: status and body.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[&str]) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|header| header.starts_with("Host:")) {
            request += &format!("Host: {}\r\n", self.address);
        }
        headers.iter().for_each(|header| request += &format!("{header}\r\n"));
        stream.write_all((request + "Content-Length: 0\r\n\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    fn status(&self) -> Value {
        let (code, body) = self.ask("GET", "/api/v1/status", &[]);
        assert_eq!(code, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Waits for a status that fulfils a condition.
    pub(crate) fn wait_for(&self, holds: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let status = self.status();
            if holds(&status) {
                return status;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{status:#}");
            thread::yield_now();
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn bearer(&self) -> String {
        format!("Authorization: Bearer {}", self.token)
    }

    /// Its exit code, and the rest of its stderr.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        drop(self.stdin.take());
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

pub(crate) fn inc() -> Run {
    Run::start(engine(["run", "-q", "-p", &plugin("inc").display().to_string()]))
}

#[test]
fn the_api_reports_nodes_and_functions() {
    let mut run = inc();
    run.feed("1\n2\n3\n");
    // A call is counted after its results have been passed on.
    let are_counted = |status: &Value| status["functions"][0]["records"] == 3;
    let status = run.wait_for(|status| status["run"]["delivered"] == 3 && are_counted(status));
    let names: Vec<_> = status["nodes"].as_array().unwrap().iter().map(|node| &node["name"]).collect();
    assert_eq!(names, ["source", "scatter", "inc", "gather", "lines"]);
    let records: Vec<_> = status["nodes"].as_array().unwrap().iter().map(|node| &node["records"]).collect();
    assert_eq!(records, [3; 5]);
    let function = &status["functions"][0];
    assert_eq!((&function["name"], &function["records"]), (&"inc".into(), &3.into()));
    let taken: u64 =
        function["histogram"].as_array().unwrap().iter().map(|bar| bar[2].as_u64().unwrap()).sum();
    assert_eq!(taken, 3);
    let (_, metrics) = run.ask("GET", "/metrics", &[]);
    let records = "engine_function_records_total{function=\"inc\",place=\"0\"} 3\n";
    assert!(metrics.contains(records), "{metrics}");
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");
    assert_eq!(run.ask("GET", "/health", &[]), (200, "ok\n".to_owned()));
    assert_eq!(run.end(), (Some(0), String::new()));
}

#[test]
fn functions_with_the_same_name_have_separate_metrics() {
    let inc = plugin("inc").display().to_string();
    let mut run = Run::start(engine(["run", "-q", "-p", &inc, "-p", &inc]));
    run.feed("1\n");
    run.wait_for(|status| status["run"]["delivered"] == 1);
    let (_, metrics) = run.ask("GET", "/metrics", &[]);
    let mut series: Vec<_> = metrics.lines().filter_map(|line| Some(line.split_once("} ")?.0)).collect();
    let all = series.len();
    series.sort_unstable();
    series.dedup();
    assert_eq!(series.len(), all, "{metrics}");
    assert_eq!(run.end(), (Some(0), String::new()));
}

#[test]
fn a_client_with_the_token_can_pause_resume_and_drain() {
    let mut run = inc();
    run.feed("1\n");
    run.wait_for(|status| status["run"]["delivered"] == 1);
    assert_eq!(run.ask("POST", "/api/v1/pause", &[&run.bearer()]).0, 200);
    assert_eq!(run.status()["run"]["state"], "paused");
    run.feed("2\n3\n");
    assert_eq!(run.status()["run"]["emitted"], 1);
    assert_eq!(run.ask("POST", "/api/v1/resume", &[&run.bearer()]).0, 200);
    run.wait_for(|status| status["run"]["delivered"] == 3);
    // A paused run drains too.
    run.ask("POST", "/api/v1/pause", &[&run.bearer()]);
    assert_eq!(run.ask("POST", "/api/v1/drain", &[&run.bearer()]).0, 200);
    let mut stdout = run.child.stdout.take().unwrap();
    assert_eq!(run.end(), (Some(143), "engine: drained from a view\n".to_owned()));
    let mut output = String::new();
    stdout.read_to_string(&mut output).unwrap();
    assert_eq!(output, "2\n3\n4\n");
}

#[test]
fn cross_site_requests_and_host_names_are_refused() {
    let run = inc();
    let bearer = run.bearer();
    // Only the token itself becomes the cookie.
    assert_eq!(run.ask("GET", "/status?token=0123", &[&bearer]).0, 200);
    assert_eq!(run.ask("GET", &format!("/status?token={}", run.token), &[]).0, 303);
    for (method, path, headers, code) in [
        ("POST", "/api/v1/stop", vec![], 401),
        ("POST", "/api/v1/stop", vec!["Authorization: Bearer 0123"], 401),
        ("POST", "/api/v1/stop", vec![&*bearer, "Origin: http://evil.example"], 403),
        ("POST", "/api/v1/stop", vec![&*bearer, "Sec-Fetch-Site: cross-site"], 403),
        ("POST", "/api/v1/stop", vec![&*bearer, "Host: evil.example"], 403),
        ("GET", "/api/v1/status", vec!["Host: evil.example"], 403),
        ("GET", "/status", vec!["Host: evil.example:80"], 403),
        ("GET", "/api/v1/stop", vec![&*bearer], 405),
        ("GET", "/nothing", vec![], 404),
    ] {
        assert_eq!(run.ask(method, path, &headers).0, code, "{method} {path} {headers:?}");
    }
    assert_eq!(run.end(), (Some(0), String::new()));
}

#[test]
fn a_stalled_browser_does_not_slow_the_run() {
    let mut run = inc();
    let stalled: Vec<_> = (0..50)
        .map(|_| {
            let mut stream = TcpStream::connect(&run.address).unwrap();
            let request = format!("GET /api/v1/events HTTP/1.1\r\nHost: {}\r\n\r\n", run.address);
            stream.write_all(request.as_bytes()).unwrap();
            stream
        })
        .collect();
    let many: String = (0..200_000).map(|x| format!("{x}\n")).collect();
    let mut stdout = run.child.stdout.take().unwrap();
    let reading = thread::spawn(move || {
        let mut output = String::new();
        stdout.read_to_string(&mut output).map(|_| output.lines().count()).unwrap()
    });
    run.feed(&many);
    assert_eq!(run.end(), (Some(0), String::new()));
    assert_eq!(reading.join().unwrap(), 200_000);
    drop(stalled);
}

#[test]
fn the_page_follows_the_run_live() {
    let pipeline = format!(
        "[sources.numbers]\ntype = \"stdin\"\n[stages.scatter]\n[stages.work]\ntype = \"map\"\nplugin = \"$HOSTILE/{}\"\n\
         function = \"fails\"\non_fault = \"skip\"\n[stages.gather]\n[sinks.all]\ntype = \"file\"\npath = \"out\"\n",
        hostile("misdeeds").file_name().unwrap().to_string_lossy()
    );
    let files = Files::new(&pipeline);
    let mut run = Run::start(files.command());
    run.feed("good\n");
    let Some(mut page) = Browser::open(&run.url, 1280, 1000, false) else { return };
    page.wait_for("document.querySelectorAll('.node').length === 5");
    for name in ["numbers", "scatter", "work", "gather", "all"] {
        page.wait_for(&format!("document.getElementById('graph').textContent.includes('{name}')"));
    }
    page.wait_for("document.getElementById('out').textContent === '1'");
    // A fault's message shows as plain text.
    run.feed("bad <img src=x onerror=alert(1)>\n");
    page.wait_for("document.getElementById('faults-count').textContent === '1'");
    page.wait_for("document.getElementById('faults').textContent.includes('record 2')");
    assert_eq!(page.value("document.querySelectorAll('#faults img, #faults script').length"), 0);
    assert_eq!(
        page.value("/^\\d\\d:\\d\\d$/.test(document.querySelector('#faults time').textContent)"),
        true
    );
    // Paused by the button, the source takes nothing; then it continues.
    page.value("document.getElementById('pause').click()");
    page.wait_for("document.getElementById('state').textContent === 'paused'");
    run.feed("good\ngood\n");
    assert_eq!(run.status()["run"]["emitted"], 2);
    page.value("document.getElementById('pause').click()");
    page.wait_for("document.getElementById('out').textContent === '3'");
    assert_eq!(page.complaints, [""; 0]);
    let foreign: Vec<_> = page
        .asked
        .iter()
        .filter(|url| !url.starts_with(&format!("http://{}/", run.address)) && !url.starts_with("data:"))
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    assert!(!page.value("location.href").as_str().unwrap().contains("token"));
    // The page is accessible to screen readers too.
    assert_eq!(page.value("document.querySelectorAll('#nodes tbody tr').length"), 5);
    assert_eq!(page.value("document.getElementById('said').textContent.length > 0"), true);
    // The page learns of the end by itself.
    let (code, _) = run.end();
    assert_eq!(code, Some(0));
    page.wait_for("document.getElementById('state').textContent === 'done'");
    page.wait_for(
        "document.getElementById('diagnosis').textContent.startsWith('Done: 4 records in, 3 out.')",
    );
    assert_eq!(fs::read_to_string(files.path("out")).unwrap().lines().count(), 3);
}

#[test]
fn a_page_that_lost_its_run_offers_no_actions() {
    let mut run = inc();
    run.feed("1\n");
    run.wait_for(|status| status["run"]["delivered"] == 1);
    let Some(mut page) = Browser::open(&run.url, 400, 800, false) else { return };
    page.wait_for("document.getElementById('in').textContent === '1'");
    // A narrow screen marks cut text, and shows the graph as a table.
    page.wait_for("document.querySelector('#graph-panel > .scroll.more')");
    assert_eq!(page.value("document.getElementById('as-table').open"), true);
    assert_eq!(page.value("document.getElementById('stop').disabled"), false);
    run.child.kill().unwrap();
    page.wait_for("document.title === 'gone · engine'");
    assert_eq!(page.value("[...document.querySelectorAll('nav button')].every((it) => it.disabled)"), true);
    assert_eq!(page.value("document.querySelectorAll('.edge.flows').length"), 0);
    run.child.wait().unwrap();
}

#[test]
fn a_page_without_the_token_says_how_to_get_controls() {
    let run = inc();
    let address = format!("http://{}/status", run.address);
    let Some(mut page) = Browser::open(&address, 1280, 1000, false) else { return };
    page.wait_for("document.body.innerText.includes('open the whole address that the run has printed')");
    assert_eq!(page.value("getComputedStyle(document.getElementById('controls')).display"), "none");
    assert_eq!(run.end().0, Some(0));
}

#[test]
fn the_page_stays_with_hold() {
    let function = function_of(&plugin("inc"), "inc");
    let mut run = Run::start(engine(["run", "-q", "-p", &function, "--hold"]));
    run.feed("1\n");
    drop(run.stdin.take());
    let status = run.wait_for(|status| status["run"]["state"] == "done");
    assert_eq!(status["run"]["delivered"], 1);
    for wish in ["pause", "resume", "drain"] {
        let answer = run.ask("POST", &format!("/api/v1/{wish}"), &[&run.bearer()]);
        assert_eq!(answer, (409, "the run has ended\n".to_owned()), "{wish}");
    }
    assert_eq!(run.ask("POST", "/api/v1/stop", &[&run.bearer()]).0, 200);
    let (code, said) = run.end();
    assert_eq!((code, &*said), (Some(0), "engine: the dashboard stays until Ctrl-C\n"));
}

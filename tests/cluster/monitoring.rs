//! Monitoring of a run over a cluster: notices, dashboard, printed output.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use serde_json::Value;

use super::processes::{Cluster, ended, numbers};
use crate::dashboard;
use crate::support::{engine, fed, function_of, hostile, plugin};

fn inc() -> String {
    function_of(&plugin("inc"), "inc")
}

#[test]
fn a_run_without_workers_says_what_it_waits_for() {
    let Some(mut cluster) = Cluster::start(0) else { return };
    cluster.join(&["--memory", "8MiB"]);
    fs::write(cluster.path("in"), numbers(0..10)).unwrap();
    let mut command = engine(["run", "-p", &inc(), "--cluster", cluster.url(), "-i"]);
    command.arg(cluster.path("in")).arg("-o").arg(cluster.path("out"));
    let mut run = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(run.stderr.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert!(line.starts_with("engine: waiting for a worker: "), "{line}");
    while !line.contains("none of 1 serves this run") {
        line.clear();
        lines.read_line(&mut line).unwrap();
    }
    assert!(line.contains("inc may use 64.0 MiB of memory, and this worker allows 8.0 MiB"), "{line}");
    cluster.join(&[]);
    // The run writes its summary, so stderr must be read.
    lines.read_to_string(&mut line).unwrap();
    assert_eq!(ended(run).0, Some(0));
    assert_eq!(cluster.text("out"), numbers(1..11));
}

#[test]
fn the_dashboard_shows_workers_and_function_usage() {
    let Some(cluster) = Cluster::start(2) else { return };
    let mut run = dashboard::Run::start(engine(["run", "-p", &inc(), "--cluster", cluster.url()]));
    run.feed(&numbers(0..1000));
    let status = run.wait_for(|status| {
        let functions = status["functions"].as_array().unwrap();
        let told = functions.first().is_some_and(|function| function["records"] == 1000);
        told && status["workers"].as_array().unwrap().len() == 2
    });
    let processes: Vec<_> = cluster.workers.iter().map(std::process::Child::id).collect();
    for worker in status["workers"].as_array().unwrap() {
        let process = u32::try_from(worker["process"].as_u64().unwrap()).unwrap();
        assert!(processes.contains(&process), "{worker:#}");
        assert_eq!((worker["threads"].as_u64(), &worker["refused"]), (Some(2), &Value::Null));
        assert!(!worker["machine"].as_str().unwrap().is_empty());
    }
    let function = &status["functions"][0];
    assert!(
        function["calls"].as_u64() > Some(0) && function["memory_most"].as_u64() > Some(0),
        "{function:#}"
    );
}

#[test]
fn output_printed_on_workers_is_shown_by_the_host() {
    let Some(cluster) = Cluster::start(1) else { return };
    let prints = function_of(&hostile("misdeeds"), "floods_stderr");
    let command = engine(["run", "-p", &prints, "--arg", "lines=1", "--cluster", cluster.url()]);
    let did = fed(command, "bad\none\nbad\n");
    assert_eq!((did.code, &*did.stdout), (Some(0), "bad\none\nbad\n"), "{}", did.stderr);
    let line = "floods_stderr: bad: all work and no play makes a dull log";
    assert_eq!(did.stderr.lines().filter(|told| *told == line).count(), 2, "{}", did.stderr);
}

#[test]
fn waiting_functions_run_concurrently_over_a_cluster() {
    let Some(mut cluster) = Cluster::start(0) else { return };
    cluster.join(&["--timeout", "60s"]);
    fs::write(cluster.path("in"), "30000\n".repeat(100)).unwrap();
    let sleeps = function_of(&hostile("misdeeds"), "sleeps");
    let mut run = cluster.run(&sleeps, &["--timeout", "60s"]).spawn().unwrap();
    // It has two threads.
    cluster.wait_until(|status| {
        status["workers"].as_object().unwrap().values().any(|worker| worker["busy"].as_u64() > Some(60))
    });
    run.kill().unwrap();
    run.wait().unwrap();
}

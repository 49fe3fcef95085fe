//! Hosts that die, and two hosts for one run.

use std::fs;
use std::process::Stdio;

use serde_json::Value;

use super::processes::{Cluster, ended, signal, slow, slow_loop};
use crate::support::engine;

#[test]
fn row_21_a_host_killed_ten_times_resumes_from_its_checkpoint() {
    let Some(cluster) = Cluster::start(2) else { return };
    let records = 10_000;
    fs::write(cluster.path("in"), slow(records)).unwrap();
    let checkpoint = cluster.path("checkpoint").display().to_string();
    let args = ["--checkpoint", &checkpoint, "--checkpoint-interval", "20ms"];
    for tenth in 0..10 {
        let mut run = cluster.run(&slow_loop(), &args).spawn().unwrap();
        cluster.wait_for_bytes(1 + 4 * records as u64 * tenth / 10);
        assert!(run.try_wait().unwrap().is_none(), "it was over before it was killed");
        run.kill().unwrap();
        run.wait().unwrap();
    }
    assert_eq!(ended(cluster.run(&slow_loop(), &args).spawn().unwrap()), (Some(0), String::new()));
    assert!(cluster.text("out") == slow(records));
}

#[test]
fn row_22_the_second_of_two_hosts_takes_over() {
    let Some(cluster) = Cluster::start(2) else { return };
    fs::write(cluster.path("in"), slow(10_000)).unwrap();
    let first = cluster.run(&slow_loop(), &["--run-name", "one"]).spawn().unwrap();
    cluster.wait_for_output();
    // It must not finish before the second one starts.
    cluster.workers.iter().for_each(|worker| signal(worker, "-STOP"));
    let epoch = |status: &Value| status["runs"]["one"]["epoch"].as_u64();
    let known = epoch(&cluster.status());
    let mut second = engine(["run", "-q", "-p", &slow_loop(), "--cluster", cluster.url()]);
    second.args(["--run-name", "one", "-i"]).arg(cluster.path("in")).arg("-o").arg(cluster.path("other"));
    let second = second.stderr(Stdio::piped()).spawn().unwrap();
    cluster.wait_until(|status| epoch(status) > known);
    cluster.workers.iter().for_each(|worker| signal(worker, "-CONT"));
    let (code, said) = ended(first);
    assert_eq!(code, Some(1));
    assert!(said.starts_with("engine: the run one was taken over by another host"), "{said}");
    assert_eq!(ended(second), (Some(0), String::new()));
    assert!(cluster.text("other") == slow(10_000));
    // The first one's output is correct as far as it got.
    assert!(slow(10_000).starts_with(&cluster.text("out")));
}

#[test]
fn row_22_a_host_that_slept_through_a_takeover_ends() {
    let Some(cluster) = Cluster::start(2) else { return };
    fs::write(cluster.path("in"), slow(10_000)).unwrap();
    let first = cluster.run(&slow_loop(), &["--run-name", "one"]).spawn().unwrap();
    cluster.wait_for_output();
    signal(&first, "-STOP");
    let mut second = engine(["run", "-q", "-p", &slow_loop(), "--cluster", cluster.url()]);
    second.args(["--run-name", "one", "-i"]).arg(cluster.path("in")).arg("-o").arg(cluster.path("other"));
    let second = second.stderr(Stdio::piped()).spawn().unwrap();
    assert_eq!(ended(second), (Some(0), String::new()));
    assert!(cluster.text("other") == slow(10_000));
    signal(&first, "-CONT");
    let (code, said) = ended(first);
    assert_eq!(code, Some(1));
    assert!(said.starts_with("engine: the run one was taken over by another host"), "{said}");
}

//! Concurrent runs, runs of pipelines, and plugins that are replaced during a run.

use std::fs;
use std::io::Write;
use std::process::Stdio;
use std::thread;

use engine::{Error, Pool, Source};

use super::processes::{Cluster, ended, numbers, slow, slow_loop};
use crate::support::pipelines::Files;
use crate::support::{Did, engine, fed, function_of, hostile, plugin};

#[test]
fn two_runs_share_the_workers() {
    let Some(cluster) = Cluster::start(2) else { return };
    let mut one = engine(["run", "-q", "-p", &slow_loop(), "--run-name", "one", "--cluster", cluster.url()]);
    one.arg("-o").arg(cluster.path("out")).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut one = one.spawn().unwrap();
    // Its input stays open, so it has not ended before the other one has.
    let mut input = one.stdin.take().unwrap();
    let feeding = thread::spawn(move || {
        input.write_all(slow(20_000).as_bytes()).unwrap();
        input
    });
    cluster.wait_for_output();
    let mut other = engine(["run", "-q", "-p", &function_of(&plugin("inc"), "inc"), "--run-name", "other"]);
    other.args(["--cluster", cluster.url()]);
    let Did { code, stdout, stderr } = fed(other, numbers(0..100_000));
    assert_eq!((code, &*stderr), (Some(0), ""));
    assert!(stdout == numbers(1..100_001));
    let input = feeding.join().unwrap();
    cluster.wait_until(|status| status["runs"]["one"]["alive"] == true);
    drop(input);
    assert_eq!(ended(one), (Some(0), String::new()));
    assert!(cluster.text("out") == slow(20_000));
}

/// Two segments with an accumulator between them, a fork, and dead letters.
const PIPELINE: &str = r#"
[sources.stdin]

[stages.scatter]

[stages.even]
type = "filter"
plugin = "$HOSTILE/misdeeds.wasm"
function = "even"
on_fault = { divert = "dead" }

[stages.twice]
type = "flat_map"
plugin = "$HOSTILE/misdeeds.wasm"
function = "twice"

[stages.buffer]
n = 1000

[stages.gather]

[stages.numbered]
type = "accumulate"
plugin = "$HOSTILE/misdeeds.wasm"
function = "numbered"

[stages.scattered_again]
type = "scatter"

[stages.upper]
type = "map"
plugin = "$HOSTILE/misdeeds.wasm"
function = "upper"

[stages.gathered_again]
type = "gather"

[sinks.stdout]

[sinks.file]
from = "gather"
path = "middle"
"#;

#[test]
fn a_pipeline_over_a_cluster_gives_the_same_bytes() {
    let Some(cluster) = Cluster::start(2) else { return };
    let line = |x: u64| if x % 97 == 5 { "bad\n".to_owned() } else { format!("{x}\n") };
    let input: String = (0..20_000).map(line).collect();
    let given = |more: &[&str]| {
        let files = Files::new(PIPELINE);
        let mut command = files.command();
        command.arg("-q").args(more);
        let Did { code, stdout, stderr } = fed(command, &input);
        let dead: Vec<_> = files.read("dead").lines().map(super::same_output::letter).collect();
        let said = stderr.replace(&files.path("").display().to_string(), "");
        (code, stdout, said, files.read("middle"), dead)
    };
    let (here, there) = (given(&[]), given(&["--cluster", cluster.url()]));
    assert!(here == there, "{} {} {} {}", here.2, there.2, here.1.len(), there.1.len());
    assert_eq!((here.0, here.1.lines().count(), here.4.len()), (Some(1), 19_794, 207));
}

#[test]
fn row_16_a_plugin_replaced_during_a_run_keeps_its_version() {
    let Some(mut cluster) = Cluster::start(1) else { return };
    let path = cluster.path("plugin.wasm");
    fs::copy(hostile("misdeeds"), &path).unwrap();
    fs::write(cluster.path("in"), slow(6000)).unwrap();
    let run = cluster.run(&function_of(&path, "slow_loop"), &["--ack-wait", "500ms"]).spawn().unwrap();
    cluster.wait_for_output();
    let new = cluster.path("new.wasm");
    fs::copy(plugin("inc"), &new).unwrap();
    fs::rename(&new, &path).unwrap();
    // A new worker gets the old one too.
    let mut worker = cluster.worker(&[]);
    worker.env("XDG_CACHE_HOME", cluster.path("other-cache"));
    cluster.join_by(worker);
    cluster.kill(0);
    assert_eq!(ended(run), (Some(0), String::new()));
    assert!(cluster.text("out") == slow(6000));
    // The next run has the new one.
    let run = cluster.run(&function_of(&path, "inc"), &[]).stderr(Stdio::piped()).spawn().unwrap();
    assert_eq!(ended(run), (Some(0), String::new()));
    assert!(cluster.text("out") == "501\n".repeat(6000));
}

#[test]
fn ended_runs_leave_nothing_at_the_broker() {
    let Some(cluster) = Cluster::start(2) else { return };
    fs::write(cluster.path("in"), numbers(0..20)).unwrap();
    let inc = function_of(&plugin("inc"), "inc");
    for _ in 0..20 {
        assert_eq!(ended(cluster.run(&inc, &[]).spawn().unwrap()), (Some(0), String::new()));
        let status = cluster.status();
        assert_eq!(status["runs"].as_object().map(serde_json::Map::len), Some(0), "{status:#}");
    }
}

#[test]
fn a_removed_plugin_is_uploaded_again() {
    let Some(mut cluster) = Cluster::start(1) else { return };
    fs::write(cluster.path("in"), numbers(0..20)).unwrap();
    let inc = function_of(&plugin("inc"), "inc");
    for _ in 0..2 {
        assert_eq!(ended(cluster.run(&inc, &[]).spawn().unwrap()), (Some(0), String::new()));
        assert_eq!(cluster.text("out"), numbers(1..21));
        let Did { code, stdout, stderr } = fed(engine(["cluster", "clean", cluster.url()]), "");
        assert_eq!((code, &*stderr), (Some(0), ""));
        assert!(stdout.contains("the plugin "), "{stdout}");
        // Another worker, on a machine without plugins.
        cluster.kill(0);
        fs::remove_dir_all(cluster.path("cache")).unwrap();
        cluster.join(&[]);
    }
}

#[test]
fn an_unsuitable_broker_leaves_the_output_untouched() {
    let Some(cluster) = Cluster::start(1) else { return };
    fs::write(cluster.path("in"), numbers(0..20)).unwrap();
    let inc = function_of(&plugin("inc"), "inc");
    let refused = || {
        fs::write(cluster.path("out"), "kept").unwrap();
        let Did { code, stderr, .. } = fed(cluster.run(&inc, &["--replicas", "3"]), "");
        let url = cluster.url();
        let said = format!(
            "engine: the broker at {url} is a single server and can't keep replicas: run without them (--replicas 1)\n"
        );
        assert_eq!((code, stderr), (Some(2), said));
        assert_eq!(cluster.text("out"), "kept");
    };
    refused();
    // Also if another run has been here.
    assert_eq!(ended(cluster.run(&inc, &[]).spawn().unwrap()), (Some(0), String::new()));
    refused();
}

#[tokio::test]
async fn using_a_closed_pool_is_an_error() {
    let Some(cluster) = Cluster::start(0) else { return };
    let pool = Pool::builder()
        .cluster(engine::cluster::Cluster::new(cluster.url().parse().unwrap()))
        .build()
        .await
        .unwrap();
    let inc = pool.blocking_load(plugin("inc")).unwrap().function("inc").unwrap();
    let started = || {
        let source = Source::<String>::new();
        source.stream().scatter(&pool).map(&inc).buffer(8).gather().sink(|_: String| {});
        source
    };
    // It has no workers, and would wait forever.
    let source = started();
    source.emit("1".to_owned()).await.unwrap();
    cluster.wait_until(|status| status["runs"].as_object().is_some_and(|runs| !runs.is_empty()));
    pool.close().await;
    assert!(matches!(source.close().await, Err(Error::Closed)));
    let later = started();
    let emitted = later.emit("1".to_owned()).await;
    let ended = later.close().await;
    assert!(matches!(emitted.and(ended), Err(Error::Closed)));
}

//! The same over a cluster: a broker, workers and hosts as processes of their own, which die, sleep and come back.
//!
//! Rows are those of the table in docs/reliability.md.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::nats_server::NatsServer;
use crate::support::{Did, engine, fed, function_of, hostile, plugin};

/// Whatever is waited for comes within this time.
const PATIENCE: Duration = Duration::from_secs(300);

/// A broker and workers.
struct Cluster {
    server: NatsServer,
    folder: TempDir,
    workers: Vec<Child>,
}

impl Cluster {
    /// None where there is no NATS server, which is said.
    fn start(workers: usize) -> Option<Self> {
        Self::start_with("", workers)
    }

    fn start_with(configuration: &str, workers: usize) -> Option<Self> {
        let server = NatsServer::start_with(configuration)?;
        let mut cluster = Self { server, folder: tempdir().unwrap(), workers: Vec::new() };
        (0..workers).for_each(|_| cluster.join(&[]));
        Some(cluster)
    }

    /// Another worker, of two threads.
    fn join(&mut self, args: &[&str]) {
        let mut command = engine(["worker", "--quiet", "--workers", "2", "--cluster", &self.server.url()]);
        command.args(args).env("XDG_CACHE_HOME", self.folder.path().join("cache"));
        command.stdout(Stdio::null()).stderr(Stdio::inherit());
        self.workers.push(command.spawn().unwrap());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// A run of a function over the cluster, from `in` to `out`.
    fn run(&self, function: &str, args: &[&str]) -> Command {
        let mut command = engine(["run", "-q", "-p", function, "--cluster", &self.server.url()]);
        command.arg("-i").arg(self.path("in")).arg("-o").arg(self.path("out")).args(args);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    fn status(&self) -> Value {
        let Did { code, stdout, stderr } =
            fed(engine(["cluster", "status", "--json", &self.server.url()]), "");
        assert_eq!(code, Some(0), "{stderr}");
        serde_json::from_str(&stdout).unwrap()
    }

    /// Waits until workers have done so many tasks.
    fn wait_for_tasks(&self, tasks: u64) {
        self.wait_until(|status| {
            let workers = status["workers"].as_object().unwrap();
            workers.values().map(|worker| worker["tasks"].as_u64().unwrap()).sum::<u64>() >= tasks
        });
    }

    fn wait_until(&self, is_so: impl Fn(&Value) -> bool) {
        let begun = Instant::now();
        while !is_so(&self.status()) {
            assert!(begun.elapsed() < PATIENCE, "{:#}", self.status());
        }
    }

    fn kill(&mut self, worker: usize) {
        let mut child = self.workers.swap_remove(worker);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Waits until something of the output is there.
    fn wait_for_output(&self) {
        let begun = Instant::now();
        while fs::metadata(self.path("out")).map_or(0, |file| file.len()) == 0 {
            assert!(begun.elapsed() < PATIENCE, "nothing comes out");
            std::thread::yield_now();
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            // It may have died before.
            let _ = worker.kill();
            let _ = worker.wait();
        }
    }
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()));
}

fn ended(run: Child) -> (Option<i32>, String) {
    let output = run.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn numbers(range: std::ops::Range<u64>) -> String {
    range.map(|x| format!("{x}\n")).collect()
}

/// Records that take half a millisecond each, as they come out.
fn slow(records: usize) -> String {
    "500\n".repeat(records)
}

fn slow_loop() -> String {
    function_of(&hostile("misdeeds"), "slow_loop")
}

#[test]
fn a_flag_more_gives_the_same_bytes() {
    let Some(cluster) = Cluster::start(2) else { return };
    let inc = function_of(&plugin("inc"), "inc");
    let input = numbers(0..200_000);
    let command = engine(["run", "-p", &inc, "--cluster", &cluster.server.url()]);
    let Did { code, stdout, stderr } = fed(command, &input);
    assert_eq!((code, &*stderr), (Some(0), ""));
    assert!(stdout == numbers(1..200_001));
    // Nothing is left of the run.
    cluster.wait_until(|status| status["runs"].as_object().unwrap().is_empty());
    cluster.wait_until(|status| status["workers"].as_object().unwrap().len() == 2);
}

#[test]
fn faults_filters_and_pieces_are_as_they_are_without() {
    let Some(cluster) = Cluster::start(2) else { return };
    let misdeeds = hostile("misdeeds");
    let line = |x: u64| if x % 97 == 5 { "bad\n".to_owned() } else { format!("{x}\n") };
    let input: String = (0..5000).map(line).collect();
    let functions = ["twice", "even"].map(|name| function_of(&misdeeds, name));
    let dead = |name: &str| format!("divert={}", cluster.path(name).display());
    let run = |more: &[&str], dead: &str| {
        let mut command = engine(["run", "-q", "--on-fault", dead]);
        command.args(functions.iter().flat_map(|function| ["-p", function]));
        command.args(more);
        fed(command, &input)
    };
    let here = run(&[], &dead("here"));
    let there = run(&["--cluster", &cluster.server.url()], &dead("there"));
    assert_eq!((here.code, there.code), (Some(1), Some(1)), "{}", there.stderr);
    assert!(here.stdout == there.stdout);
    let letters = |name| cluster.text(name).lines().map(letter).collect::<Vec<_>>();
    assert_eq!(letters("here"), letters("there"));
    // The first fault ends a run behind what came before it.
    let mut command = engine(["run", "-q", "-p", &functions[1], "--cluster", &cluster.server.url()]);
    command.args(["-b", "64"]);
    let Did { code, stdout, stderr } = fed(command, "2\n3\n4\nbad\n6\n");
    assert_eq!((code, &*stdout), (Some(1), "2\n4\n"));
    assert!(stderr.starts_with("engine: record 4: even: "), "{stderr}");
}

/// A dead letter without what depends on the day.
fn letter(line: &str) -> Value {
    let mut letter: Value = serde_json::from_str(line).unwrap();
    letter.as_object_mut().unwrap().remove("time");
    letter
}

#[test]
fn row_19_workers_that_are_killed_lose_nothing() {
    let Some(mut cluster) = Cluster::start(2) else { return };
    fs::write(cluster.path("in"), slow(40_000)).unwrap();
    let mut run = cluster.run(&slow_loop(), &["--ack-wait", "500ms"]).spawn().unwrap();
    let mut killed = 0;
    cluster.wait_for_output();
    while run.try_wait().unwrap().is_none() {
        cluster.kill(0);
        cluster.join(&[]);
        killed += 1;
        // Each one works before it is killed, unless the run is done without it.
        let process = cluster.workers[1].id();
        cluster.wait_until(|status| {
            let workers = status["workers"].as_object().unwrap();
            let works = workers
                .values()
                .any(|worker| worker["process"] == process && worker["tasks"].as_u64() > Some(0));
            works || status["runs"].as_object().unwrap().is_empty()
        });
    }
    assert_eq!(ended(run), (Some(0), String::new()));
    assert!(cluster.text("out") == slow(40_000));
    assert!(killed > 2, "{killed} were killed");
}

#[test]
fn row_20_a_worker_that_sleeps_gives_nothing_twice() {
    let Some(mut cluster) = Cluster::start(1) else { return };
    fs::write(cluster.path("in"), slow(40_000)).unwrap();
    let run = cluster.run(&slow_loop(), &["--ack-wait", "500ms"]).spawn().unwrap();
    cluster.wait_for_output();
    signal(&cluster.workers[0], "-STOP");
    cluster.join(&[]);
    let others = |status: &Value| {
        status["workers"].as_object().unwrap().values().any(|worker| {
            worker["process"] == cluster.workers[1].id() && worker["tasks"].as_u64().unwrap() > 5
        })
    };
    cluster.wait_until(others);
    signal(&cluster.workers[0], "-CONT");
    assert_eq!(ended(run), (Some(0), String::new()));
    assert!(cluster.text("out") == slow(40_000));
}

#[test]
fn row_21_a_host_that_is_killed_goes_on_from_its_checkpoint() {
    let Some(cluster) = Cluster::start(2) else { return };
    fs::write(cluster.path("in"), slow(10_000)).unwrap();
    let checkpoint = cluster.path("checkpoint").display().to_string();
    let args = ["--checkpoint", &checkpoint, "--checkpoint-interval", "20ms"];
    for _ in 0..3 {
        let mut run = cluster.run(&slow_loop(), &args).spawn().unwrap();
        cluster.wait_for_output();
        cluster.wait_for_tasks(1);
        run.kill().unwrap();
        run.wait().unwrap();
    }
    assert_eq!(ended(cluster.run(&slow_loop(), &args).spawn().unwrap()), (Some(0), String::new()));
    assert!(cluster.text("out") == slow(10_000));
}

#[test]
fn row_22_the_second_of_two_hosts_takes_over() {
    let Some(cluster) = Cluster::start(2) else { return };
    fs::write(cluster.path("in"), slow(10_000)).unwrap();
    let first = cluster.run(&slow_loop(), &["--run-name", "one"]).spawn().unwrap();
    cluster.wait_for_output();
    // It is not to be done before the second one is there.
    cluster.workers.iter().for_each(|worker| signal(worker, "-STOP"));
    let epoch = |status: &Value| status["runs"]["one"]["epoch"].as_u64();
    let known = epoch(&cluster.status());
    let mut second = engine(["run", "-q", "-p", &slow_loop(), "--cluster", &cluster.server.url()]);
    second.args(["--run-name", "one", "-i"]).arg(cluster.path("in")).arg("-o").arg(cluster.path("other"));
    let second = second.stderr(Stdio::piped()).spawn().unwrap();
    cluster.wait_until(|status| epoch(status) > known);
    cluster.workers.iter().for_each(|worker| signal(worker, "-CONT"));
    let (code, said) = ended(first);
    assert_eq!(code, Some(1));
    assert!(said.starts_with("engine: the run one was taken over by another host"), "{said}");
    assert_eq!(ended(second), (Some(0), String::new()));
    assert!(cluster.text("other") == slow(10_000));
    // What the first one had written is right as far as it came.
    assert!(slow(10_000).starts_with(&cluster.text("out")));
}

#[test]
fn row_23_a_broker_that_comes_back_is_waited_for() {
    let Some(mut cluster) = Cluster::start(2) else { return };
    fs::write(cluster.path("in"), slow(40_000)).unwrap();
    let run = cluster.run(&slow_loop(), &["--ack-wait", "500ms"]).spawn().unwrap();
    cluster.wait_for_output();
    cluster.server.restart();
    cluster.wait_for_tasks(1);
    cluster.server.restart();
    assert_eq!(ended(run), (Some(0), String::new()));
    assert!(cluster.text("out") == slow(40_000));
}

#[test]
fn row_23_a_broker_that_is_gone_for_good_ends_the_run() {
    let Some(mut cluster) = Cluster::start(1) else { return };
    fs::write(cluster.path("in"), slow(10_000)).unwrap();
    let run = cluster.run(&slow_loop(), &["--broker-timeout", "3s"]).spawn().unwrap();
    cluster.wait_for_output();
    cluster.server.kill();
    let begun = Instant::now();
    let (code, said) = ended(run);
    assert_eq!(code, Some(1));
    let url = cluster.server.url();
    assert_eq!(said, format!("engine: the broker at {url} has not answered for 3s\n"));
    assert!(begun.elapsed() < Duration::from_secs(20));
    let Did { code, stderr, .. } = fed(cluster.run(&slow_loop(), &[]), "");
    assert_eq!((code, stderr.lines().count()), (Some(2), 1), "{stderr}");
    assert!(stderr.starts_with(&format!("engine: can't reach the broker at {url}: ")), "{stderr}");
}

#[test]
fn row_24_a_broker_that_has_lost_everything_is_told_again() {
    let Some(mut cluster) = Cluster::start(2) else { return };
    fs::write(cluster.path("in"), slow(40_000)).unwrap();
    let run = cluster.run(&slow_loop(), &["--ack-wait", "500ms"]).spawn().unwrap();
    cluster.wait_for_output();
    cluster.server.restart_empty();
    assert_eq!(ended(run), (Some(0), String::new()));
    assert!(cluster.text("out") == slow(40_000));
}

#[test]
fn row_26_a_broker_without_room_holds_the_source_back() {
    let Some(mut cluster) = Cluster::start_with("jetstream { max_file: 10MB }", 0) else { return };
    let input = numbers(1_000_000..3_000_000);
    fs::write(cluster.path("in"), &input).unwrap();
    let inc = function_of(&plugin("inc"), "inc");
    let run = cluster.run(&inc, &["-b", "2000000"]).spawn().unwrap();
    // There is more than it has room for, and nobody takes it.
    cluster.wait_until(|status| {
        status["runs"].as_object().unwrap().values().any(|run| run["tasks"].as_u64() > Some(10))
    });
    cluster.join(&[]);
    assert_eq!(ended(run), (Some(0), String::new()));
    assert!(cluster.text("out") == numbers(1_000_001..3_000_001));
}

/// Ends whoever runs a record that is told of as bad: the process that runs it alone, or else the worker.
fn hunt(cluster: &mut Cluster, run: &mut Child) -> (usize, usize) {
    let (mut workers, mut apart) = (0, 0);
    let (sender, told) = std::sync::mpsc::channel();
    let start = |cluster: &Cluster| {
        let mut command = engine(["worker", "--workers", "1", "--cluster", &cluster.server.url()]);
        command.env("XDG_CACHE_HOME", cluster.folder.path().join("cache"));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let sender = sender.clone();
        std::thread::spawn(move || {
            lines.filter(|line| line.ends_with("a bad one")).try_for_each(|line| sender.send(line))
        });
        child
    };
    cluster.workers.push(start(cluster));
    while run.try_wait().unwrap().is_none() {
        if told.recv_timeout(Duration::from_millis(100)).is_err() {
            continue;
        }
        let worker = cluster.workers[0].id().to_string();
        let children = Command::new("pgrep").args(["-P", &worker]).output().unwrap().stdout;
        let children = String::from_utf8(children).unwrap();
        if children.trim().is_empty() {
            cluster.kill(0);
            cluster.workers.push(start(cluster));
            workers += 1;
        } else {
            let killed = Command::new("kill").arg("-9").args(children.split_whitespace()).status();
            apart += usize::from(killed.unwrap().success());
        }
    }
    (workers, apart)
}

#[test]
fn row_27_a_record_that_kills_its_worker_is_alone_a_fault() {
    let Some(mut cluster) = Cluster::start(0) else { return };
    let good = |x: u64| if x == 77 { "bad\n".to_owned() } else { format!("{x}\n") };
    fs::write(cluster.path("in"), (1..=200).map(good).collect::<String>()).unwrap();
    let announces = function_of(&hostile("misdeeds"), "announces");
    let divert = format!("divert={}", cluster.path("dead").display());
    let mut run = cluster.run(&announces, &["--on-fault", &divert, "--ack-wait", "500ms"]).spawn().unwrap();
    let (workers, apart) = hunt(&mut cluster, &mut run);
    assert_eq!(ended(run).0, Some(1));
    let expected: String = (1..=200).filter(|x| *x != 77).map(|x| format!("{x}\n")).collect();
    assert!(cluster.text("out") == expected);
    let dead: Value = serde_json::from_str(&cluster.text("dead")).unwrap();
    assert_eq!((&dead["number"], &dead["fault"]), (&77.into(), &"killed-its-worker".into()), "{dead:#}");
    assert!(workers <= 2 && apart >= 1, "{workers} workers and {apart} others were killed");
}

fn client(url: &str) -> (tokio::runtime::Runtime, async_nats::Client) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let client = runtime.block_on(async_nats::connect(url)).unwrap();
    (runtime, client)
}

#[test]
fn row_28_messages_that_are_none_harm_nobody() {
    let Some(mut cluster) = Cluster::start(0) else { return };
    fs::write(cluster.path("in"), slow(2000)).unwrap();
    let run = cluster.run(&slow_loop(), &["--run-name", "one"]).spawn().unwrap();
    cluster.wait_until(|status| status["runs"]["one"]["tasks"].as_u64() > Some(0));
    let epoch = cluster.status()["runs"]["one"]["epoch"].as_u64().unwrap();
    let (runtime, client) = client(&cluster.server.url());
    let context = runtime.block_on(async { async_nats::jetstream::new(client) });
    let other_version = [&[9][..], &[0; 40]].concat();
    let large = vec![1; 900 << 10];
    for message in [&b""[..], b"no task at all", &[1, 0, 0, 0, 0], &other_version, &large] {
        for what in ["task", "result"] {
            let subject = format!("engine.{what}.one.{epoch}");
            let message = bytes::Bytes::copy_from_slice(message);
            runtime.block_on(async { context.publish(subject, message).await.unwrap().await.unwrap() });
        }
    }
    cluster.join(&[]);
    assert_eq!(ended(run), (Some(0), String::new()));
    assert!(cluster.text("out") == slow(2000));
}

#[test]
fn row_28_a_host_of_another_version_is_refused_with_both() {
    let Some(cluster) = Cluster::start(1) else { return };
    let (runtime, client) = client(&cluster.server.url());
    let context = runtime.block_on(async { async_nats::jetstream::new(client) });
    cluster.wait_until(|status| {
        !status["workers"].as_object().unwrap().is_empty() || runs(&runtime, &context).is_none()
    });
    let run = serde_json::json!({
        "protocol": 9, "engine": "9.9.9", "epoch": 1, "host": { "name": "there", "process": 1 }, "ack_wait": 5000,
        "segments": [], "done": 0, "ended": false,
    });
    // No host was here before: the bucket is made as one would make it.
    let store = runtime.block_on(async {
        let config = async_nats::jetstream::kv::Config { bucket: "engine-runs".into(), ..Default::default() };
        context.create_key_value(config).await.unwrap()
    });
    let workers = async_nats::jetstream::kv::Config { bucket: "engine-workers".into(), ..Default::default() };
    runtime.block_on(async {
        context.create_key_value(workers).await.unwrap();
        store.put("new", run.to_string().into()).await.unwrap();
    });
    cluster.wait_until(|status| {
        status["workers"].as_object().unwrap().values().any(|worker| {
            let reason = worker["refused"]["new"].as_str().unwrap_or_default();
            reason.starts_with(
                "its host speaks version 9 of the protocol (engine 9.9.9), and this is version 1",
            )
        })
    });
}

fn runs(runtime: &tokio::runtime::Runtime, context: &async_nats::jetstream::Context) -> Option<()> {
    runtime.block_on(context.get_key_value("engine-runs")).ok().map(drop)
}

/// The documented configuration, with keys, and files that have their seeds.
fn keys(folder: &TempDir) -> (String, [PathBuf; 2]) {
    let [host, worker] = ["host", "worker"].map(|name| {
        let pair = nkeys::KeyPair::new_user();
        let path = folder.path().join(name);
        fs::write(&path, pair.seed().unwrap()).unwrap();
        (pair.public_key(), path)
    });
    let documented = fs::read_to_string(crate::support::root().join("docs/cluster/nats.conf")).unwrap();
    let configuration = documented.replace("HOST_KEY", &host.0).replace("WORKER_KEY", &worker.0);
    (configuration, [host.1, worker.1])
}

#[test]
fn row_29_hosts_and_workers_may_do_what_they_have_to_and_no_more() {
    let seeds = tempdir().unwrap();
    let (configuration, [host, worker]) = keys(&seeds);
    let Some(mut cluster) = Cluster::start_with(&configuration, 0) else { return };
    cluster.join(&["--cluster-credentials", worker.to_str().unwrap()]);
    fs::write(cluster.path("in"), slow(2000)).unwrap();
    let credentials = ["--cluster-credentials", host.to_str().unwrap()];
    let run = cluster.run(&slow_loop(), &credentials).spawn().unwrap();
    assert_eq!(ended(run), (Some(0), String::new()));
    assert!(cluster.text("out") == slow(2000));

    // With a worker's key nobody hands out tasks, sees results, or changes runs.
    let seed = fs::read_to_string(&worker).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (sender, told) = std::sync::mpsc::channel();
    let client = runtime.block_on(async {
        let options = async_nats::ConnectOptions::new().nkey(seed).custom_inbox_prefix("engine.inbox.worker");
        let options = options.event_callback(move |event| {
            let sent = sender.send(event.to_string());
            async move { drop(sent) }
        });
        options.connect(cluster.server.url()).await.unwrap()
    });
    for subject in ["engine.task.one.1", "$KV.engine-runs.one", "$JS.API.STREAM.DELETE.ENGINE_TASKS_one"] {
        runtime.block_on(async { client.publish(subject, "x".into()).await.unwrap() });
        let refused = || told.recv_timeout(PATIENCE).unwrap();
        assert!(
            std::iter::repeat_with(refused)
                .any(|event| event.contains("ermissions") && event.contains(subject))
        );
    }
    let listening = runtime.block_on(client.subscribe("engine.result.>"));
    assert!(listening.is_ok());
    let refused = || told.recv_timeout(PATIENCE).unwrap();
    assert!(std::iter::repeat_with(refused).any(|event| event.contains("engine.result.>")));

    // Without a key there is nothing at all, and keys are never shown.
    let Did { code, stderr, .. } = fed(engine(["cluster", "status", &cluster.server.url()]), "");
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("authorization"), "{stderr}");
    let path = cluster.path("in").display().to_string();
    let Did { stderr, .. } =
        fed(engine(["cluster", "status", &cluster.server.url(), "--cluster-credentials", &path]), "");
    assert_eq!(
        stderr,
        format!(
            "engine: {path} has no credentials: neither those that NATS' tools write nor the seed of an NKey\n"
        )
    );
}

#[test]
fn a_worker_serves_no_run_that_wants_more_than_it_allows() {
    let Some(mut cluster) = Cluster::start(0) else { return };
    cluster.join(&["--memory", "8MiB"]);
    fs::write(cluster.path("in"), "1\n").unwrap();
    let inc = function_of(&plugin("inc"), "inc");
    let run = cluster.run(&inc, &["--run-name", "one", "--memory", "64MiB"]).spawn().unwrap();
    let reason = "inc may have 64.0 MiB of memory, and here at most 8.0 MiB (--memory)";
    cluster.wait_until(|status| {
        status["workers"].as_object().unwrap().values().any(|worker| worker["refused"]["one"] == reason)
    });
    // Another one may.
    cluster.join(&[]);
    assert_eq!(ended(run), (Some(0), String::new()));
    assert_eq!(cluster.text("out"), "2\n");
}

#[test]
fn a_worker_that_leaves_finishes_what_it_has_begun() {
    let Some(mut cluster) = Cluster::start(1) else { return };
    fs::write(cluster.path("in"), slow(6000)).unwrap();
    // Who has to wait for a worker that is lost would wait for a minute.
    let run = cluster.run(&slow_loop(), &["--ack-wait", "60s"]).spawn().unwrap();
    cluster.wait_for_output();
    cluster.join(&[]);
    signal(&cluster.workers[0], "-TERM");
    assert_eq!(cluster.workers[0].wait().unwrap().code(), Some(0));
    assert_eq!(ended(run), (Some(0), String::new()));
    assert!(cluster.text("out") == slow(6000));
}

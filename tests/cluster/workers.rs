//! Workers that die, sleep, leave, or run a record that kills them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::fed_run::FedRun;
use super::processes::{Cluster, ended, signal, slow, slow_loop};
use crate::support::machines::Machine;
use crate::support::{engine, function_of, hostile};

#[test]
fn row_19_workers_killed_in_turn_fifty_times_lose_nothing() {
    const ROUND: usize = 600;
    let Some(mut cluster) = Cluster::start(3) else { return };
    let mut run = FedRun::start(&Machine::this(), cluster.url(), &["--ack-wait", "300ms"]);
    run.give(ROUND);
    for round in 1..=50 {
        run.give(ROUND);
        run.wait_for(round * ROUND);
        // It works on the next round.
        cluster.kill(0);
        cluster.join(&[]);
    }
    let pause = run.end();
    // On an idle machine it takes less than the wait plus a second.
    assert!(pause < 3 * Duration::from_millis(300 + 1000), "{pause:?}");
}

#[test]
fn row_20_a_suspended_worker_delivers_nothing_twice() {
    let Some(mut cluster) = Cluster::start(1) else { return };
    let mut run = FedRun::start(&Machine::this(), cluster.url(), &["--ack-wait", "500ms"]);
    run.give(2000);
    run.wait_for(100);
    signal(&cluster.workers[0], "-STOP");
    cluster.join(&[]);
    // Another one has done its task.
    run.wait_for(2000);
    run.give(2000);
    signal(&cluster.workers[0], "-CONT");
    run.end();
}

/// The children of a process.
fn children_of(process: &str) -> String {
    let found = Command::new("pgrep").args(["-P", process]).output().unwrap();
    String::from_utf8(found.stdout).unwrap()
}

/// A timeout longer than the bad record waits to be killed.
const PATIENT: [&str; 2] = ["--timeout", "20s"];

/// Kills the process that runs a bad record: the isolated process if there is one, or else the worker.
fn kill_bad_record(cluster: &mut Cluster, run: &mut Child) -> (usize, usize) {
    let (mut workers, mut apart) = (0, 0);
    let (sender, told) = std::sync::mpsc::channel();
    let start = |cluster: &Cluster| {
        let mut command = engine(["worker", "--threads", "1", "--cluster", cluster.url()]);
        command.args(PATIENT);
        command.env("XDG_CACHE_HOME", cluster.folder.path().join("cache"));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let (sender, worker) = (sender.clone(), child.id());
        std::thread::spawn(move || {
            lines.filter(|line| line.ends_with("a bad one")).try_for_each(|_| sender.send(worker))
        });
        child
    };
    cluster.workers.push(start(cluster));
    while run.try_wait().unwrap().is_none() {
        let Ok(worker) = told.recv_timeout(Duration::from_millis(100)) else { continue };
        // A worker that is late with a heartbeat gets its task a second time, and may report it twice before it dies.
        if worker != cluster.workers[0].id() {
            continue;
        }
        // A worker behind the wall starts such a process through the launcher.
        let children: String = children_of(&worker.to_string()).split_whitespace().map(children_of).collect();
        if children.trim().is_empty() {
            if apart > 0 {
                // No worker itself runs the record after that: the process that reported it was killed meanwhile.
                continue;
            }
            cluster.kill(0);
            cluster.workers.push(start(cluster));
            workers += 1;
        } else {
            let end = |signal| Command::new("kill").arg(signal).args(children.split_whitespace()).status();
            // Signals to the whole session must not blame the record.
            assert!(end("-INT").unwrap().success() && end("-TERM").unwrap().success());
            let killed = end("-KILL");
            apart += usize::from(killed.unwrap().success());
        }
    }
    (workers, apart)
}

#[test]
fn row_27_only_the_record_that_kills_its_worker_is_a_fault() {
    let Some(mut cluster) = Cluster::start(0) else { return };
    let good = |x: u64| if x == 77 { "bad\n".to_owned() } else { format!("{x}\n") };
    fs::write(cluster.path("in"), (1..=200).map(good).collect::<String>()).unwrap();
    let announces = function_of(&hostile("misdeeds"), "announces");
    let divert = format!("divert={}", cluster.path("dead").display());
    let options = [&["--on-fault", &divert, "--ack-wait", "2s"], &PATIENT[..]].concat();
    let mut run = cluster.run(&announces, &options).spawn().unwrap();
    let (workers, apart) = kill_bad_record(&mut cluster, &mut run);
    assert_eq!(ended(run).0, Some(1));
    let expected: String = (1..=200).filter(|x| *x != 77).map(|x| format!("{x}\n")).collect();
    assert!(cluster.text("out") == expected);
    let dead: Value = serde_json::from_str(&cluster.text("dead")).unwrap();
    assert_eq!((&dead["number"], &dead["fault"]), (&77.into(), &"killed-its-worker".into()), "{dead:#}");
    assert!(dead.to_string().contains("SIGKILL"), "{dead:#}");
    assert!(workers <= 2 && apart >= 1, "{workers} workers and {apart} others were killed");
}

#[test]
fn a_leaving_worker_finishes_its_tasks() {
    let Some(mut cluster) = Cluster::start(1) else { return };
    fs::write(cluster.path("in"), slow(6000)).unwrap();
    let begun = Instant::now();
    let run = cluster.run(&slow_loop(), &["--ack-wait", "60s"]).spawn().unwrap();
    cluster.wait_for_output();
    cluster.join(&[]);
    signal(&cluster.workers[0], "-TERM");
    assert_eq!(cluster.workers[0].wait().unwrap().code(), Some(0));
    assert_eq!(ended(run), (Some(0), String::new()));
    assert!(cluster.text("out") == slow(6000));
    assert!(
        begun.elapsed() < Duration::from_secs(60),
        "it left with a task that nobody else had for a minute"
    );
}

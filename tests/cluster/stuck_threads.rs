//! Workers whose threads are stuck in a file system.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use super::processes::Cluster;
use crate::hanging_files::HangingFolder;
use crate::support::{engine, function_of, hostile};

/// A worker that has lost threads says so and leaves, and then restarts itself; behind the wall, it exits with the code
/// that asks for a restart.
fn restarts(walled: bool) {
    let Some(hanging) = HangingFolder::mount() else { return };
    let Some(cluster) = Cluster::start(0) else { return };
    let capability = format!("dir:{}:ro", hanging.path());
    let allow = ["--allow", &capability, "--timeout", "1s"];
    let mut worker = engine(["worker", "--threads", "2", "--cluster", cluster.url()]);
    worker.args(["--wall", if walled { "on" } else { "off" }]);
    worker.args(allow).env("XDG_CACHE_HOME", cluster.path("cache"));
    let mut worker = worker.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(worker.stderr.take().unwrap()).lines().map_while(Result::ok);
    fs::write(cluster.path("in"), format!("{}/name\n", hanging.path()).repeat(500)).unwrap();
    let opens = function_of(&hostile("misdeeds"), "opens");
    let mut run = cluster.run(&opens, &allow).args(["--on-fault", "skip"]).spawn().unwrap();
    let begun = |line: &String| line.contains(" works for ");
    assert!(lines.any(|line| begun(&line)));
    assert!(lines.any(|line| line.ends_with("leaving, to restart")));
    if walled {
        assert_eq!(worker.wait().unwrap().code(), Some(75));
    } else {
        assert!(lines.any(|line| begun(&line)), "it is there again");
    }
    for process in [&mut run, &mut worker] {
        // The worker may have ended.
        let _ = process.kill();
        process.wait().unwrap();
    }
}

#[test]
fn a_worker_that_loses_its_threads_restarts() {
    restarts(false);
}

#[test]
fn a_worker_behind_the_wall_that_loses_its_threads_asks_for_a_restart() {
    restarts(true);
}

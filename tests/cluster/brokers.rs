//! Brokers that die, lose their data, or are full.

use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::fed_run::FedRun;
use super::processes::{Cluster, ended, numbers, slow, slow_loop};
use crate::support::machines::Machine;
use crate::support::{Did, engine, fed, function_of, plugin};

#[test]
fn row_23_a_run_waits_for_a_broker_to_come_back() {
    let Some(mut cluster) = Cluster::start(2) else { return };
    let mut run = FedRun::start(&Machine::this(), cluster.url(), &["--ack-wait", "500ms"]);
    run.give(2000);
    run.wait_for(100);
    cluster.server.restart();
    run.give(2000);
    run.wait_for(2100);
    cluster.server.restart();
    run.give(1000);
    run.end();
}

#[test]
fn row_23_a_broker_that_stays_away_ends_the_run() {
    let Some(mut cluster) = Cluster::start(1) else { return };
    fs::write(cluster.path("in"), slow(10_000)).unwrap();
    let run = cluster.run(&slow_loop(), &["--broker-timeout", "3s"]).spawn().unwrap();
    cluster.wait_for_output();
    cluster.server.kill();
    let begun = Instant::now();
    let (code, said) = ended(run);
    assert_eq!(code, Some(1));
    let url = cluster.url();
    assert_eq!(said, format!("engine: the broker at {url} has not answered for 3s\n"));
    assert!(begun.elapsed() < Duration::from_secs(20));
    let Did { code, stderr, .. } = fed(cluster.run(&slow_loop(), &[]), "");
    assert_eq!((code, stderr.lines().count()), (Some(2), 1), "{stderr}");
    assert!(stderr.starts_with(&format!("engine: can't reach the broker at {url}: ")), "{stderr}");
}

#[test]
fn row_23_silent_servers_leave_time_to_try_another() {
    let Some(cluster) = Cluster::start(0) else { return };
    // They only accept connections.
    let mute = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [one, other] = mute.each_ref().map(|mute| format!("nats://{}", mute.local_addr().unwrap()));
    // The order of connecting is random.
    for _ in 0..2 {
        let all = format!("{one},{},{other}", cluster.url());
        let Did { code, stderr, .. } = fed(engine(["cluster", "status", &all]), "");
        assert_eq!((code, &*stderr), (Some(0), ""));
    }
}

#[test]
fn row_24_a_broker_that_lost_everything_is_set_up_again() {
    let Some(mut cluster) = Cluster::start(2) else { return };
    let mut run = FedRun::start(&Machine::this(), cluster.url(), &["--ack-wait", "500ms"]);
    run.give(2000);
    run.wait_for(100);
    cluster.server.restart_empty();
    run.give(1000);
    run.end();
}

#[test]
fn row_24_a_worker_that_starts_after_the_loss_finds_the_run() {
    let Some(mut cluster) = Cluster::start(1) else { return };
    let mut run = FedRun::start(&Machine::this(), cluster.url(), &["--ack-wait", "500ms"]);
    run.give(2000);
    run.wait_for(100);
    cluster.kill(0);
    cluster.server.restart_empty();
    cluster.join(&[]);
    run.give(1000);
    run.end();
}

#[test]
fn row_26_a_full_broker_slows_the_source_down() {
    let Some(mut cluster) = Cluster::start_with("jetstream { max_file: 10MB }", 0) else { return };
    let input = numbers(1_000_000..3_000_000);
    fs::write(cluster.path("in"), &input).unwrap();
    let inc = function_of(&plugin("inc"), "inc");
    let run = cluster.run(&inc, &["-b", "2000000"]).spawn().unwrap();
    // There is more than it has room for, and no worker takes it.
    cluster.wait_until(|status| {
        status["runs"].as_object().unwrap().values().any(|run| run["tasks"].as_u64() > Some(10))
    });
    cluster.join(&[]);
    assert_eq!(ended(run), (Some(0), String::new()));
    assert!(cluster.text("out") == numbers(1_000_001..3_000_001));
}

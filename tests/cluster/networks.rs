//! Machines that lose their connection to the broker, and a network that loses packets.

use serde_json::Value;

use super::fed_run::FedRun;
use super::processes::Cluster;
use crate::support::machines::{Machine, Network};
use crate::support::nats_server::NatsServer;

/// A broker, a host and two workers, each on a machine of its own.
struct Apart {
    // Processes are dropped before their machines.
    cluster: Cluster,
    host: Machine,
    network: Network,
}

impl Apart {
    /// None if there is no such network or no NATS server.
    fn start() -> Option<Self> {
        let (network, [broker, host, one, two]) = Network::new(["broker", "host", "one", "two"])?;
        let server = NatsServer::start_on(&broker, "")?;
        let url = server.url();
        let mut cluster = Cluster::with_broker(server, url, broker);
        for machine in [one, two] {
            cluster.join_by(machine.command(&cluster.worker(&[])));
        }
        Some(Self { cluster, host, network })
    }

    /// A started run on the host's machine.
    fn run(&self) -> FedRun {
        let mut run = FedRun::start(&self.host, self.cluster.url(), &["--ack-wait", "500ms"]);
        run.give(1000);
        run.wait_for(100);
        run
    }

    /// How many tasks a worker has done.
    fn tasks(&self, worker: usize, status: &Value) -> u64 {
        let process = self.cluster.workers[worker].id();
        let mut workers = status["workers"].as_object().unwrap().values();
        let known = workers.find(|known| known["process"] == process);
        known.map_or(0, |known| known["tasks"].as_u64().unwrap())
    }

    /// Feeds the run until a worker has done more tasks.
    fn feed_until_working(&self, worker: usize, run: &mut FedRun) {
        let done = self.tasks(worker, &self.cluster.status());
        self.cluster.wait_until(|status| {
            run.give(100);
            self.tasks(worker, status) > done
        });
    }
}

#[test]
fn row_25_a_run_continues_without_a_disconnected_worker() {
    let Some(apart) = Apart::start() else { return };
    let mut run = apart.run();
    apart.network.pull("one");
    apart.feed_until_working(1, &mut run);
    run.give(1000);
    run.wait_for(2000);
    apart.network.plug("one");
    apart.feed_until_working(0, &mut run);
    // The other one stays away.
    apart.network.pull("two");
    run.give(1000);
    run.end();
}

#[test]
fn row_25_a_disconnected_host_continues_after_reconnect() {
    let Some(apart) = Apart::start() else { return };
    let mut run = apart.run();
    let before = apart.host.retransmitted();
    apart.network.pull("host");
    run.give(1000);
    // It retries in vain for some seconds, with doubling delays.
    while apart.host.retransmitted() < before + 4 {}
    apart.network.plug("host");
    run.give(1000);
    run.end();
}

#[test]
fn row_25_lost_packets_lose_no_records() {
    let Some(apart) = Apart::start() else { return };
    apart.network.lose_packets();
    let mut run = apart.run();
    // Which packets are lost is random: more records are given until enough packets were sent again.
    for given in 1..=100 {
        run.give(1000);
        if given >= 5 {
            run.wait_for(given * 1000);
            if apart.host.retransmitted() > 20 {
                break;
            }
        }
    }
    run.end();
    let again = apart.host.retransmitted();
    assert!(again > 20, "only {again} packets were sent again");
}

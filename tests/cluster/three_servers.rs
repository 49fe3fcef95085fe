//! A broker of three servers that are lost one after another.

use std::collections::BTreeSet;
use std::time::Instant;

use async_nats::jetstream::{self, stream};
use tokio::runtime::Runtime;

use super::fed_run::FedRun;
use super::processes::{Cluster, PATIENCE};
use crate::support::machines::Machine;
use crate::support::nats_server::NatsCluster;

/// The streams of a run called `one`.
const STREAMS: [&str; 5] =
    ["ENGINE_TASKS_one", "ENGINE_RESULTS_one", "KV_engine-runs", "KV_engine-hosts", "KV_engine-workers"];

/// Watches the leaders of streams.
struct Watch {
    runtime: Runtime,
    context: jetstream::Context,
}

impl Watch {
    fn new(url: &str) -> Self {
        let (runtime, client) = super::messages::client(url);
        let context = runtime.block_on(async { jetstream::new(client) });
        Self { runtime, context }
    }

    /// Waits until a stream fulfils a condition, and returns its leader.
    fn leader(&self, stream: &str, is_so: impl Fn(&stream::ClusterInfo) -> bool) -> String {
        let begun = Instant::now();
        let mut latest = None;
        loop {
            assert!(begun.elapsed() < PATIENCE, "{stream}: {latest:?}");
            let asked = self.context.get_stream(stream);
            let Ok(known) = self.runtime.block_on(asked) else { continue };
            latest.clone_from(&known.cached_info().cluster);
            if let Some(cluster) = latest.as_ref().filter(|cluster| is_so(cluster))
                && let Some(leader) = &cluster.leader
            {
                return leader.clone();
            }
        }
    }
}

/// Whether three servers have all of it.
fn is_whole(cluster: &stream::ClusterInfo) -> bool {
    let others = cluster.replicas.iter().filter(|other| other.current && !other.offline);
    others.count() == 2
}

#[test]
fn row_23_any_of_three_servers_may_be_lost() {
    let Some(servers) = NatsCluster::start() else { return };
    let urls = servers.urls();
    let mut cluster = Cluster::with_broker(servers, urls.join(","), Machine::this());
    (0..2).for_each(|_| cluster.join(&[]));
    let args = ["--replicas", "3", "--run-name", "one", "--ack-wait", "500ms"];
    let mut run = FedRun::start(&Machine::this(), cluster.url(), &args);
    run.give(1000);
    run.wait_for(100);
    let watch = Watch::new(&urls[0]);
    let mut left = BTreeSet::from(NatsCluster::NAMES);
    let mut given = 1000;
    while !left.is_empty() {
        // Leaders go first: leadership moves with each of them.
        let leaders = STREAMS.map(|stream| watch.leader(stream, is_whole));
        let victim = leaders.iter().find_map(|leader| left.take(leader.as_str()));
        let victim = victim.or_else(|| left.pop_last()).unwrap();
        run.give(1000);
        cluster.server.server(victim).kill();
        given += 1000;
        run.wait_for(given);
        for stream in STREAMS {
            watch.leader(stream, |known| known.leader.as_deref() != Some(victim));
        }
        cluster.wait_until(|status| status["runs"]["one"]["alive"] == true);
        cluster.server.server(victim).restart();
    }
    run.end();
}

#[test]
fn row_23_a_silent_server_is_replaced_by_another() {
    let Some(servers) = NatsCluster::start() else { return };
    let [first, second, _] = servers.urls();
    let mut cluster = Cluster::with_broker(servers, second, Machine::this());
    cluster.join(&[]);
    // The host learns of the others from the first one.
    let args = ["--replicas", "3", "--ack-wait", "500ms", "--broker-timeout", "40s"];
    let mut run = FedRun::start(&Machine::this(), &first, &args);
    run.give(1000);
    run.wait_for(100);
    cluster.server.server("one").freeze();
    run.give(1000);
    run.end();
}

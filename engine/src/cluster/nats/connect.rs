//! Connects hosts, workers and views to a broker.

use std::sync::Arc;

use async_nats::jetstream::ContextBuilder;

use super::fitness;
use super::jetstream::JetStream;
use super::subjects::{HOST_INBOX, WORKER_INBOX};
use crate::Error;
use crate::broker::Broker;
use crate::cluster::protocol::in_flight::MOST_TASKS;
use crate::cluster::settings::Durability;
use crate::cluster::transport::Transport;
use crate::deadlines::BROKER_ANSWER;

/// Connects the host of a run, to a broker that can do what the run wants. `told` is given what the broker refuses.
pub(in crate::cluster) async fn host(
    broker: Broker,
    durability: Durability,
    run: &str,
    told: impl Fn(&str) + Send + Sync + 'static,
) -> Result<Arc<dyn Transport>, Error> {
    let transport = connect(broker, durability, &format!("engine run {run}"), HOST_INBOX, told).await?;
    fitness::check(&transport).await?;
    Ok(Arc::new(transport))
}

/// Connects a worker. `told` is given what the broker refuses.
pub(in crate::cluster) async fn worker(
    broker: Broker,
    worker: &str,
    told: impl Fn(&str) + Send + Sync + 'static,
) -> Result<Arc<dyn Transport>, Error> {
    let name = format!("engine worker {worker}");
    Ok(Arc::new(connect(broker, Durability::default(), &name, WORKER_INBOX, told).await?))
}

/// Connects what looks at a cluster.
pub(in crate::cluster) async fn viewer(broker: Broker) -> Result<Arc<dyn Transport>, Error> {
    Ok(Arc::new(connect(broker, Durability::default(), "engine cluster", HOST_INBOX, |_| {}).await?))
}

async fn connect(
    broker: Broker,
    durability: Durability,
    name: &str,
    inbox: &str,
    told: impl Fn(&str) + Send + Sync + 'static,
) -> Result<JetStream, Error> {
    let client = broker.connect(name, inbox, told).await?;
    // All tasks that may be in flight can wait for their acknowledgement at once.
    let context =
        ContextBuilder::new().timeout(BROKER_ANSWER.time).max_ack_inflight(2 * MOST_TASKS).build(client);
    Ok(JetStream { context, broker, durability })
}

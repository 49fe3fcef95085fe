//! Finds out whether a broker can do what a run wants of it.

use std::time::{Duration, Instant};

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{AccountErrorKind, GetStreamError};
use async_nats::jetstream::stream::Stream;

use super::jetstream::JetStream;
use super::subjects;
use crate::Error;
use crate::cluster::transport::{Table, Transport, TransportError};
use crate::error::BrokerError;

/// After this a broker that is not ready is asked again.
const RETRY: Duration = Duration::from_millis(200);

/// Nothing is kept, by the server or for the account.
const NOTHING_KEPT: [ErrorCode; 2] =
    [ErrorCode::JETSTREAM_NOT_ENABLED, ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT];

/// Servers have chosen a leader within this time.
const ELECTION: Duration = Duration::from_secs(15);

/// The server's error code for replicas where there is one server.
const NOT_CLUSTERED: &str = "10074";

/// Waits until the broker keeps messages, and makes the tables.
///
/// # Errors
///
/// If it keeps nothing, or not on as many servers as the run wants.
pub(super) async fn check(transport: &JetStream) -> Result<(), Error> {
    let JetStream { context, broker, .. } = transport;
    let address = || broker.to_string();
    let begun = Instant::now();
    while let Err(error) = context.query_account().await {
        match error.kind() {
            AccountErrorKind::JetStreamUnavailable => {
                return Err(Error::Broker(BrokerError::NoJetStream { address: address() }));
            }
            AccountErrorKind::JetStream(known) if NOTHING_KEPT.contains(&known.error_code()) => {
                return Err(Error::Broker(BrokerError::NoJetStream { address: address() }));
            }
            // Servers that have just begun choose a leader.
            _ if begun.elapsed() < ELECTION && broker.permits() => tokio::time::sleep(RETRY).await,
            _ => return Err(broker.lost(&error)),
        }
    }
    let made = transport.make_tables().await;
    if transport.durability.replicas > 1 {
        let known = context.get_stream(subjects::bucket_stream(Table::Workers)).await;
        if lacks_replicas(&made, &known) {
            return Err(Error::Broker(BrokerError::NoReplicas { address: address() }));
        }
    }
    made.map_err(|error| transport.failed(&error))
}

/// Whether the broker is one server: only servers of several have a name for what they are together.
fn lacks_replicas(made: &Result<(), TransportError>, known: &Result<Stream, GetStreamError>) -> bool {
    match (made, known) {
        (_, Ok(stream)) if stream.cached_info().cluster.as_ref().is_none_or(|known| known.name.is_none()) => {
            true
        }
        (Err(error), _) => error.to_string().contains(NOT_CLUSTERED),
        _ => false,
    }
}

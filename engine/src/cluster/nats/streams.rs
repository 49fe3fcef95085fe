//! Makes the streams of a run and their consumers.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::context::{CreateStreamError, CreateStreamErrorKind};
use async_nats::jetstream::stream::{self, DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{Context, ErrorCode};

use super::subjects::{self, WORKERS_CONSUMER};
use crate::cluster::settings::Durability;
use crate::cluster::transport::TransportError;

/// How long the broker keeps a result. One that a host waits for is made again; one for a host that is gone is
/// removed.
const RESULTS_AGE: Duration = Duration::from_secs(600);

/// How long the broker knows a message's id.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// The sizes of a stream in bytes, the best first: the first one is taken that the broker has room for.
const SIZES: [i64; 4] = [256 << 20, 64 << 20, 16 << 20, 4 << 20];

/// Tasks that workers may hold at once, all together.
const MOST_TAKEN: i64 = 100_000;

/// A result that a host has not acknowledged after this time comes again.
const RESULT_WAIT: Duration = Duration::from_secs(30);

/// Makes the streams of a run and their consumers, unless they are there. Returns how many bytes of results there is
/// room for.
pub(super) async fn make(
    context: &Context,
    run: &str,
    durability: Durability,
    epoch: u64,
    ack_wait: Duration,
) -> Result<usize, TransportError> {
    let [task_subjects, result_subjects] = subjects::all_subjects(run);
    let queue = |name, subject, max_age| stream::Config {
        max_age,
        name,
        subjects: vec![subject],
        retention: RetentionPolicy::WorkQueue,
        discard: DiscardPolicy::New,
        storage: if durability.memory { StorageType::Memory } else { StorageType::File },
        num_replicas: durability.replicas,
        duplicate_window: DUPLICATE_WINDOW,
        allow_direct: true,
        ..stream::Config::default()
    };
    let tasks = queue(subjects::tasks(run), task_subjects, Duration::ZERO);
    let results = queue(subjects::results(run), result_subjects, RESULTS_AGE);
    let tasks = make_queue(context, tasks).await.map_err(|error| refused(&error))?;
    let results = make_queue(context, results).await.map_err(|error| refused(&error))?;
    let host = pull::Config {
        durable_name: Some(subjects::host_consumer(epoch)),
        ack_policy: AckPolicy::Explicit,
        ack_wait: RESULT_WAIT,
        max_ack_pending: -1,
        filter_subject: subjects::result_subject(run, epoch),
        ..pull::Config::default()
    };
    let workers = pull::Config {
        durable_name: Some(WORKERS_CONSUMER.to_owned()),
        ack_policy: AckPolicy::Explicit,
        ack_wait,
        max_ack_pending: MOST_TAKEN,
        ..pull::Config::default()
    };
    let failed = |error: &dyn std::fmt::Display| TransportError::Failed(error.to_string());
    tasks.get_or_create_consumer(WORKERS_CONSUMER, workers).await.map_err(|error| failed(&error))?;
    let name = subjects::host_consumer(epoch);
    results.get_or_create_consumer(&name, host).await.map_err(|error| failed(&error))?;
    Ok(usize::try_from(results.cached_info().config.max_bytes).unwrap_or(0))
}

/// Makes a queue, unless it is there: what is acknowledged leaves it, and a full one takes nothing more.
async fn make_queue(context: &Context, queue: stream::Config) -> Result<stream::Stream, CreateStreamError> {
    let of_size = |max_bytes| stream::Config { max_bytes, ..queue.clone() };
    let [first, rest @ ..] = SIZES;
    let mut made = context.get_or_create_stream(of_size(first)).await;
    for size in rest {
        match made {
            Err(error) if lacks_room(&error) => {}
            _ => return made,
        }
        made = context.get_or_create_stream(of_size(size)).await;
    }
    made
}

fn refused(error: &CreateStreamError) -> TransportError {
    match error.kind() {
        CreateStreamErrorKind::JetStream(_) => TransportError::Refused(error.to_string()),
        _ => TransportError::Failed(error.to_string()),
    }
}

/// Whether the broker, or the account, has no room for a stream as large as this.
fn lacks_room(error: &CreateStreamError) -> bool {
    let CreateStreamErrorKind::JetStream(error) = error.kind() else { return false };
    matches!(error.error_code(), ErrorCode::STORAGE_RESOURCES_EXCEEDED | ErrorCode::MEMORY_RESOURCES_EXCEEDED)
}

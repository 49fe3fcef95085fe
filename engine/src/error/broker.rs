//! A broker can't be used.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::text::{path as shown, short};

/// A broker can't be used.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// A text is not the address of a broker.
    #[error("{address:?} is not the address of a broker: {reason}")]
    Address {
        /// The text.
        address: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The broker can't be reached.
    #[error("can't reach the broker at {address}")]
    Unreachable {
        /// Where it is.
        address: String,
        /// Why.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// The broker's version may lose messages after acknowledging them.
    #[error(
        "the broker at {address} is NATS {version}, which may lose messages after acknowledging them: use 2.11 or later"
    )]
    TooOld {
        /// Where it is.
        address: String,
        /// The version that it reports.
        version: String,
    },
    /// A file has no credentials in it.
    #[error("{} has no credentials: expected what NATS' tools write, or the seed of an NKey", shown(path))]
    NoCredentials {
        /// The file.
        path: PathBuf,
    },
    /// A file has no certificate to verify servers with.
    #[error("{} has no certificate: expected PEM, from BEGIN CERTIFICATE to END CERTIFICATE", shown(path))]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The broker rejected the credentials, or wants some.
    #[error("the broker at {address} rejected {who}")]
    Rejected {
        /// Where it is.
        address: String,
        /// What it rejected: the credentials in a file, or a client without any.
        who: String,
    },
    /// The broker does not store messages for this account.
    #[error("the broker at {address} has no JetStream for this account: enable it (nats-server --jetstream)")]
    NoJetStream {
        /// Where it is.
        address: String,
    },
    /// The broker is a single server, and replicas were asked for.
    #[error("the broker at {address} is a single server and can't keep replicas: run without them")]
    NoReplicas {
        /// Where it is.
        address: String,
    },
    /// The broker does not permit what the run needs there.
    #[error(
        "the broker at {address} does not permit this ({refusal}): docs/cluster/nats.conf shows the permissions that keys need"
    )]
    NotPermitted {
        /// Where it is.
        address: String,
        /// What it said.
        refusal: String,
    },
    /// The broker stopped answering.
    #[error("the broker at {address} has not answered for {timeout:?}")]
    NoAnswer {
        /// Where it is.
        address: String,
        /// How long the run waited.
        timeout: Duration,
    },
    /// The broker has no such stream.
    #[error("the broker at {address} has no stream {stream}")]
    NoStream {
        /// Where it is.
        address: String,
        /// The stream's name.
        stream: String,
    },
    /// No stream of the broker takes messages of the subject.
    #[error("no stream of the broker at {address} takes the subject {subject}")]
    NoSubject {
        /// Where it is.
        address: String,
        /// The subject.
        subject: String,
    },
    /// The stream's consumer is not as the source needs it.
    #[error("the consumer {consumer} of the stream {stream} {}", short(reason))]
    Consumer {
        /// The stream's name.
        stream: String,
        /// The consumer's name.
        consumer: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A message can't be published.
    #[error("can't publish to {subject}")]
    Publish {
        /// The subject.
        subject: String,
        /// Why.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

//! A broker can't be used.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::text::{path as shown, short};

/// A broker can't be used.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// A text is no address of a broker.
    #[error("{address:?} is no address of a broker: {reason}")]
    Address {
        /// The text.
        address: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A broker can't be reached, or lets nobody in.
    #[error("can't reach the broker at {address}")]
    Unreachable {
        /// Where it is.
        address: String,
        /// Why.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// A broker may lose what it has acknowledged.
    #[error(
        "the broker at {address} is NATS {version}, which may lose what it has acknowledged: 2.11 or later is needed"
    )]
    TooOld {
        /// Where it is.
        address: String,
        /// What it says it is.
        version: String,
    },
    /// A file has nothing that a broker lets anybody in by.
    #[error(
        "{} has no credentials: neither those that NATS' tools write nor the seed of an NKey",
        shown(path)
    )]
    NoCredentials {
        /// The file.
        path: PathBuf,
    },
    /// A file has no certificate that servers could be known by.
    #[error("{} has no certificate: it wants PEM, from BEGIN CERTIFICATE to END CERTIFICATE", shown(path))]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// A broker lets in nobody who comes so.
    #[error("the broker at {address} does not let in {who}")]
    Rejected {
        /// Where it is.
        address: String,
        /// With which credentials, if with any.
        who: String,
    },
    /// A broker that keeps nothing.
    #[error(
        "the broker at {address} keeps nothing for this account: it wants JetStream (nats-server --jetstream)"
    )]
    NoJetStream {
        /// Where it is.
        address: String,
    },
    /// A broker that is a single server.
    #[error("the broker at {address} is one server, which keeps work on no other one: go without replicas")]
    NoReplicas {
        /// Where it is.
        address: String,
    },
    /// A broker does not permit what has to be done there.
    #[error(
        "the broker at {address} does not permit it ({refusal}): see docs/cluster/nats.conf for what keys need"
    )]
    NotPermitted {
        /// Where it is.
        address: String,
        /// What it said.
        refusal: String,
    },
    /// A broker that was there can't be reached any more.
    #[error("the broker at {address} has not answered for {timeout:?}")]
    NoAnswer {
        /// Where it was.
        address: String,
        /// How long it was waited for.
        timeout: Duration,
    },
    /// A broker has no such stream.
    #[error("the broker at {address} has no stream {stream}")]
    NoStream {
        /// Where it is.
        address: String,
        /// The stream's name.
        stream: String,
    },
    /// No stream of a broker takes messages of a subject.
    #[error("no stream of the broker at {address} takes the subject {subject}")]
    NoSubject {
        /// Where it is.
        address: String,
        /// The subject.
        subject: String,
    },
    /// A stream's consumer is not what it should be.
    #[error("the consumer {consumer} of the stream {stream} {}", short(reason))]
    Consumer {
        /// The stream's name.
        stream: String,
        /// The consumer's.
        consumer: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A stream does not take what is published.
    #[error("can't publish to {subject}")]
    Publish {
        /// The subject.
        subject: String,
        /// Why.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

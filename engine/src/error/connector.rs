//! A source or sink lost what it is connected to, or failed.

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;

/// A source or sink lost what it is connected to, or failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectorError {
    /// Writing the output failed.
    #[error("can't write the output")]
    Output {
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// A command can't be run, or written to.
    #[error("can't run {command}")]
    Command {
        /// Its first word.
        command: String,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// A command ended in another way than well.
    #[error("{command} ended with {status}")]
    CommandFailed {
        /// Its first word.
        command: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// An address can't be listened at.
    #[error("can't listen at {address}")]
    Listen {
        /// The address.
        address: String,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// A connection broke.
    #[error("the connection with {address} broke")]
    Connection {
        /// The address at its other end.
        address: String,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// A request can't be made, or has no answer.
    #[error("can't post to {url}")]
    Request {
        /// Where it goes.
        url: String,
        /// Why.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// A source of the program's own failed.
    #[error("the source {name} failed")]
    Source {
        /// What it is called.
        name: String,
        /// What it says.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// A sink of the program's own failed.
    #[error("the sink {name} failed")]
    Sink {
        /// What it is called.
        name: String,
        /// What it says.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

//! A source or sink lost what it is connected to, or failed.

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;

use crate::process::HowItEnded;

/// A source or sink lost what it is connected to, or failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectorError {
    /// Writing the output failed.
    #[error("can't write {name}")]
    Output {
        /// Which output: a file's path, `stdout`, or `to` and a command's name.
        name: String,
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
    /// A command failed.
    #[error("{command} {}", HowItEnded(*status))]
    CommandFailed {
        /// Its first word.
        command: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// A server can't listen on the address.
    #[error("can't listen on {address}")]
    Listen {
        /// The address.
        address: String,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// A connection broke.
    #[error("lost the connection to {address}")]
    Connection {
        /// The address at its other end.
        address: String,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// A request can't be made, or got no answer.
    #[error("can't post to {url}")]
    Request {
        /// Where it goes.
        url: String,
        /// Why.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// A source that the program wrote failed.
    #[error("the source {name} failed")]
    Source {
        /// Its name.
        name: String,
        /// What it said.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// A sink that the program wrote failed.
    #[error("the sink {name} failed")]
    Sink {
        /// Its name.
        name: String,
        /// What it said.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

//! Why a run failed.

use std::error::Error as _;
use std::{fmt, io};

use super::{
    BrokerError, ClusterError, ConnectorError, FileError, FunctionError, GraphError, InputError, LoadError,
    SystemError, TelemetryError,
};
use crate::fault::Fault;

/// Why a run, or the preparation of one, failed. One record's failure is a [`Fault`].
///
/// Its `Debug` form is the text with its causes, since that is what a `main` that returns it prints.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A record's fault ended the run.
    #[error("{0}")]
    Fault(Fault),
    /// More records became faults than the policy allows.
    #[error("more than {limit} faults; the last: {fault}")]
    TooManyFaults {
        /// How many were allowed.
        limit: u64,
        /// The one that was too many.
        fault: Fault,
    },
    /// The source was closed before, or its run has ended.
    #[error("the source is closed")]
    Closed,
    /// The graph can't do what it was built to do.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A plugin can't be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A function can't be used as asked, or failed apart from its records.
    #[error(transparent)]
    Function(#[from] FunctionError),
    /// A file can't be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// What a source reads can't be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A source or sink lost what it is connected to, or failed.
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    /// A message broker can't be used.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// A cluster can't do the run's work.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// Metrics and traces can't be sent.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The machine does not give what a run needs.
    #[error(transparent)]
    System(#[from] SystemError),
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut cause = self.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl Error {
    /// Whether the reader of an output went away, as `head` does: it has what it wanted.
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        let (Self::Connector(ConnectorError::Output { source, .. })
        | Self::File(FileError::Write { source, .. })) = self
        else {
            return false;
        };
        source.kind() == io::ErrorKind::BrokenPipe
    }
}

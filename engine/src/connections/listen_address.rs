//! Where a source listens, which may be bound before the source begins.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{ConnectionLimit, accept};
use crate::Error;
use crate::error::ConnectorError;

/// An address to listen at, or a listener that is bound already.
#[derive(Debug)]
pub(crate) struct ListenAddress {
    address: String,
    listener: Option<TcpListener>,
}

impl ListenAddress {
    pub(crate) fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), listener: None }
    }

    /// The address as it was given.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Listens there instead.
    pub(crate) fn replace(&mut self, listener: TcpListener) {
        self.listener = Some(listener);
    }

    /// Binds the address, unless that was done before.
    ///
    /// # Errors
    ///
    /// If it is no address, or something else listens there.
    pub(crate) async fn bind(&mut self) -> Result<(), Error> {
        if self.listener.is_none() {
            self.listener = Some(self.bound().await?);
        }
        Ok(())
    }

    async fn bound(&self) -> Result<TcpListener, Error> {
        let bound = TcpListener::bind(&self.address).await;
        bound.map_err(|error| {
            let address = self.address.clone();
            Error::Connector(ConnectorError::Listen { address, source: Arc::new(error) })
        })
    }

    /// The address that is bound, with its port; none before it is bound.
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        self.listener.as_ref()?.local_addr().ok()
    }

    /// Serves connections in a task, as [`accept`] does. The task ends when the set is dropped.
    ///
    /// # Errors
    ///
    /// If it is not bound yet, those of [`bind`](Self::bind).
    pub(crate) async fn serve<F>(
        mut self,
        limit: ConnectionLimit,
        stop: CancellationToken,
        serve: impl Fn(TcpStream, SocketAddr) -> F + Send + 'static,
    ) -> Result<JoinSet<()>, Error>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = match self.listener.take() {
            Some(listener) => listener,
            None => self.bound().await?,
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, limit, stop, serve));
        Ok(tasks)
    }
}

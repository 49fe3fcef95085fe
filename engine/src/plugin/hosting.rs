//! What the instances of a pool share.

use std::sync::{Arc, OnceLock};

use tokio::runtime::{Builder, Handle};

use crate::plugin::capabilities::grants::Grants;
use crate::plugin::host::resources::GuestResources;
use crate::plugin::memory::TotalMemory;
use crate::plugin::runtime::Runtime;
use crate::threads;

/// What instances of a pool share.
pub(crate) struct Hosting {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) total: Arc<TotalMemory>,
    /// What guests hold of the host.
    pub(crate) resources: Arc<GuestResources>,
    /// Where guests' timers run.
    pub(crate) timers: Handle,
    /// Where guests' connections run, once there are any.
    pub(crate) network: Network,
}

/// A runtime for connections: the pool's threads wait faster without one, and most need none.
#[derive(Default)]
pub(crate) struct Network(OnceLock<Option<tokio::runtime::Runtime>>);

impl Network {
    fn runtime(&self) -> Option<&tokio::runtime::Runtime> {
        let start =
            || threads::runtime("engine-network", 1, Builder::enable_all).ok().map(|(runtime, _)| runtime);
        self.0.get_or_init(start).as_ref()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take().flatten() {
            runtime.shutdown_background();
        }
    }
}

impl Hosting {
    /// A handle to the runtime that drives what a guest with these grants waits for.
    pub(crate) fn handle(&self, grants: &Grants) -> Handle {
        let network = grants.have_network().then(|| self.network.runtime()).flatten();
        network.map_or_else(|| self.timers.clone(), |runtime| runtime.handle().clone())
    }
}

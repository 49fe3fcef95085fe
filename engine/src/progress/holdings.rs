//! What the nodes of a graph keep from one element to the next, node by node, for checkpoints.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::saved_types::SavedTypes;
use super::{BoxFuture, SavedNode};
use crate::Error;

/// What a node says of itself when it is put into a graph.
pub(crate) enum Holding {
    /// It keeps nothing, or a sink that gets some elements again after a restart.
    Nothing,
    /// It keeps something, which a checkpoint holds.
    Kept(Weak<dyn KeptNode>),
    /// It keeps something that can't be saved, and why.
    Unsaved(String),
}

/// A node that keeps something from one element to the next.
///
/// All are called while the sources wait, each after the nodes before it.
pub(crate) trait KeptNode: Send + Sync {
    /// Waits until no task of the node passes anything on.
    fn settle(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Whether it writes a file.
    fn is_output(&self) -> bool {
        false
    }

    /// Lets a branch pass that would wait for another one, as long as a checkpoint is being taken.
    fn admit(&self, admits: bool) {
        let _ = admits;
    }

    /// What it keeps, or a clause that says why that can't be saved. Nothing, if it only passes on what it took.
    fn save<'a>(&'a self, types: &'a SavedTypes) -> BoxFuture<'a, Result<SavedNode, SaveError>> {
        let _ = types;
        Box::pin(std::future::ready(Ok(SavedNode::default())))
    }

    /// Begins with what was saved.
    fn restore<'a>(
        self: Arc<Self>,
        saved: &'a SavedNode,
        types: &'a SavedTypes,
    ) -> BoxFuture<'a, Result<(), SaveError>> {
        let _ = (saved, types);
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Why a node was not saved or restored.
pub(crate) enum SaveError {
    /// A clause that says it.
    Refused(String),
    /// The run has failed.
    Run(Error),
}

impl From<String> for SaveError {
    fn from(reason: String) -> Self {
        Self::Refused(reason)
    }
}

impl From<Error> for SaveError {
    fn from(error: Error) -> Self {
        Self::Run(error)
    }
}

/// The nodes of a source's graph, in the order in which they were added: each after those that it takes from.
#[derive(Default)]
pub(crate) struct Holdings {
    nodes: Mutex<Vec<Arc<HoldingNode>>>,
    /// What people call the nodes that are being added, if they have a name together.
    scope: Mutex<Option<Arc<str>>>,
    /// Held by what acts by itself, such as a timer, and kept from it while a checkpoint is taken.
    acts: RwLock<()>,
}

/// A node, as checkpoints know it.
pub(crate) struct HoldingNode {
    /// Orders the nodes of all graphs.
    pub(crate) order: u64,
    /// What people call it, and which of the source's nodes it is.
    pub(crate) name: String,
    holding: Holding,
}

impl HoldingNode {
    /// The node, if it keeps something and is still there.
    pub(crate) fn kept(&self) -> Option<Arc<dyn KeptNode>> {
        match &self.holding {
            Holding::Kept(node) => node.upgrade(),
            Holding::Nothing | Holding::Unsaved(_) => None,
        }
    }

    /// Why it can't be saved.
    pub(crate) fn unsaved(&self) -> Option<&str> {
        match &self.holding {
            Holding::Unsaved(reason) => Some(reason),
            Holding::Nothing | Holding::Kept(_) => None,
        }
    }
}

/// Counts the nodes of all graphs.
static ORDER: AtomicU64 = AtomicU64::new(0);

impl Holdings {
    fn nodes_locked(&self) -> MutexGuard<'_, Vec<Arc<HoldingNode>>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a node.
    pub(crate) fn add(&self, kind: &str, holding: Holding) {
        let scope = self.scope.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut nodes = self.nodes_locked();
        let number = nodes.len() + 1;
        let name = match scope.filter(|scope| **scope != *kind) {
            Some(scope) => format!("{scope}: {kind} ({number})"),
            None => format!("{kind} ({number})"),
        };
        nodes.push(Arc::new(HoldingNode { order: ORDER.fetch_add(1, Relaxed), name, holding }));
    }

    /// The next nodes have this name together.
    pub(crate) fn name_next(&self, scope: Option<&str>) {
        *self.scope.lock().unwrap_or_else(PoisonError::into_inner) = scope.map(Into::into);
    }

    /// All nodes.
    pub(crate) fn nodes(&self) -> Vec<Arc<HoldingNode>> {
        self.nodes_locked().clone()
    }

    /// Waits while a checkpoint is taken. None begins while what this returns is held.
    pub(crate) async fn act(&self) -> RwLockReadGuard<'_, ()> {
        self.acts.read().await
    }

    /// Waits until nothing acts by itself. Nothing does while what this returns is held.
    pub(crate) async fn still(&self) -> RwLockWriteGuard<'_, ()> {
        self.acts.write().await
    }
}

impl std::fmt::Debug for Holdings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.nodes_locked().iter().map(|node| &node.name)).finish()
    }
}

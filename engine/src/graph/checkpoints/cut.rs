//! Takes a checkpoint of a graph that runs.
//!
//! The sources are held between two elements, and everything that is under way is let through to its end: then what the
//! nodes keep and what the sinks have written belong to the same elements, however branches and sources meet. A branch that
//! would wait for another one is let in for that time.

use std::time::Duration;

use futures_util::future::{join_all, select_all};
use tokio::sync::RwLockWriteGuard;
use tokio::time::timeout;

use super::graph::{CheckpointedGraph, WrittenFile, not_saved};
use crate::Error;
use crate::error::GraphError;
use crate::graph::HeldSource;
use crate::progress::{GraphCheckpoint, SavedNode, SavedSource};

/// A checkpoint. The sources are held until it is dropped.
pub struct Cut<'a> {
    checkpoint: GraphCheckpoint,
    /// Nothing else may act either.
    _still: Vec<RwLockWriteGuard<'a, ()>>,
    held: Vec<HeldSource<'a>>,
}

impl Cut<'_> {
    /// Lets the sources go on, and returns the checkpoint.
    #[must_use]
    pub fn checkpoint(self) -> GraphCheckpoint {
        self.checkpoint
    }

    /// The checkpoint, while the sources are still held: nothing passes any node, and all that sinks took is written.
    #[must_use]
    pub fn get_mut(&mut self) -> &mut GraphCheckpoint {
        &mut self.checkpoint
    }

    /// Whether all sources have ended.
    pub(super) fn is_end(&self) -> bool {
        self.held.iter().all(HeldSource::is_ended)
    }
}

impl std::fmt::Debug for Cut<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cut").field("checkpoint", &self.checkpoint).finish_non_exhaustive()
    }
}

/// Lets branches in that would wait for others, until it is dropped.
struct Admission<'a>(&'a CheckpointedGraph);

impl<'a> Admission<'a> {
    fn begin(graph: &'a CheckpointedGraph) -> Self {
        graph.admit(true);
        Self(graph)
    }
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        self.0.admit(false);
    }
}

impl CheckpointedGraph {
    pub(super) fn admit(&self, admits: bool) {
        for (_, node) in self.nodes() {
            if let Some(kept) = node.kept() {
                kept.admit(admits);
            }
        }
    }

    /// Takes a checkpoint. Returns when everything that was emitted has reached its sink or is kept by a node; meanwhile,
    /// and until what this returns is dropped, [`emit`](crate::Source::emit) waits.
    ///
    /// If the future is dropped, the graph goes on as if it had not been called.
    ///
    /// # Errors
    ///
    /// The run's failure; [`GraphError::Unsaved`] if a node keeps something that can't be saved.
    pub async fn cut(&self) -> Result<Cut<'_>, Error> {
        if self.sources.is_empty() {
            return Err(Error::Closed);
        }
        let failures = self.sources.iter().map(|(_, source)| Box::pin(source.context().failure()));
        tokio::select! {
            biased;
            (error, ..) = select_all(failures) => Err(error),
            cut = self.cut_running() => cut,
        }
    }

    /// The same, unless it takes too long: then none is taken.
    pub(super) async fn cut_within(&self, patience: Duration) -> Result<Cut<'_>, Error> {
        let unsettled = |_| Error::Graph(GraphError::Unsettled { waited: patience });
        timeout(patience, self.cut()).await.map_err(unsettled)?
    }

    async fn cut_running(&self) -> Result<Cut<'_>, Error> {
        let _admission = Admission::begin(self);
        let held = join_all(self.sources.iter().map(|(_, source)| source.hold())).await;
        if let Some(error) = held.iter().find_map(HeldSource::failure) {
            return Err(error);
        }
        self.settle().await?;
        // What acts by itself may have begun before.
        let mut still = Vec::with_capacity(self.sources.len());
        for (_, source) in &self.sources {
            still.push(source.context().holdings.still().await);
        }
        self.settle().await?;
        for (_, source) in &self.sources {
            source.context().flush().await?;
        }
        let (sources, files) = (self.saved(&held).await?, self.files.iter().map(WrittenFile::note));
        let files = files.collect::<Result<_, Error>>()?;
        let checkpoint =
            GraphCheckpoint { sources, files, notes: self.notes.clone(), ..GraphCheckpoint::default() };
        Ok(Cut { checkpoint, _still: still, held })
    }

    /// Waits until nothing is under way.
    async fn settle(&self) -> Result<(), Error> {
        for (_, node) in self.nodes() {
            if let Some(kept) = node.kept() {
                kept.settle().await?;
            }
        }
        Ok(())
    }

    async fn saved(&self, held: &[HeldSource<'_>]) -> Result<Vec<SavedSource>, Error> {
        let sources = self.sources.iter().zip(held).map(|((name, source), held)| {
            let (record, mark) = (held.last(), source.context().resume_point.mark().unwrap_or_default());
            SavedSource {
                name: name.clone(),
                record,
                ended: held.is_ended(),
                position: mark.position,
                skip: record.saturating_sub(mark.before),
                ..SavedSource::default()
            }
        });
        let mut sources: Vec<_> = sources.collect();
        // A run that is refused for what a node keeps changes no file.
        for outputs in [false, true] {
            let mut places = vec![0; sources.len()];
            for (source, node) in self.nodes() {
                let place = places[source];
                places[source] += 1;
                if !outputs {
                    sources[source].nodes.push(SavedNode { name: node.name.clone(), ..SavedNode::default() });
                }
                let Some(kept) = node.kept().filter(|kept| kept.is_output() == outputs) else { continue };
                let saved = kept.save(&self.types).await.map_err(|error| not_saved(&node, error))?;
                sources[source].nodes[place] = SavedNode { name: node.name.clone(), ..saved };
            }
        }
        Ok(sources)
    }
}

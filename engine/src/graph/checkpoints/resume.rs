//! Goes on from a checkpoint.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::graph::CheckpointedGraph;
use crate::error::GraphError;
use crate::progress::{GraphCheckpoint, HoldingNode, Mark, SaveError, SavedSource};
use crate::{Error, text};

impl CheckpointedGraph {
    /// Begins a run where a checkpoint was taken: nodes get what they kept, and sinks cut their files back to what belongs
    /// to it. Call it before the first element; then feed each source from its [position](SavedSource::position) on, and
    /// close those that [have ended](SavedSource::ended). Each source skips as many elements after its position as it
    /// [has emitted](SavedSource::skip): for one that is fed only the rest, set this number to 0.
    ///
    /// # Errors
    ///
    /// [`GraphError::OtherGraph`], if the checkpoint is of a graph of other nodes; [`GraphError::Changed`], if something
    /// that was [noted](Self::note) is not the same; [`GraphError::NotRestored`], if a node can't go on: it is named.
    pub async fn resume(&self, checkpoint: &GraphCheckpoint) -> Result<(), Error> {
        self.compare(checkpoint)?;
        // What a timer passes on must not come to nodes that are not restored yet.
        let still = self.sources.iter().map(|(_, source)| source.context().holdings.still());
        let _still = join_all(still).await;
        for ((_, source), saved) in self.sources.iter().zip(&checkpoint.sources) {
            let before = saved.record.saturating_sub(saved.skip);
            let mark = Mark { before, position: saved.position.clone() };
            source.hold().await.begin_after(saved.record, mark, saved.skip);
        }
        for file in &checkpoint.files {
            let refused = |reason| {
                let node = text::path(&file.path).to_string();
                Error::Graph(GraphError::NotRestored { node, reason })
            };
            file.blocking_cut_back().map_err(refused)?;
        }
        // Files of sinks are cut back last.
        for outputs in [false, true] {
            let mut nodes: Vec<_> = checkpoint.sources.iter().map(|source| source.nodes.iter()).collect();
            for (place, node) in self.nodes() {
                let (saved, kept) = (nodes[place].next(), node.kept());
                if let (Some(saved), Some(kept)) = (saved, kept.filter(|kept| kept.is_output() == outputs)) {
                    kept.restore(saved, &self.types).await.map_err(|error| not_restored(&node, error))?;
                }
            }
        }
        Ok(())
    }

    /// Refuses a checkpoint of another graph.
    fn compare(&self, checkpoint: &GraphCheckpoint) -> Result<(), Error> {
        let other = |reason: String| Err(Error::Graph(GraphError::OtherGraph { reason }));
        let (known, now) = (checkpoint.sources.len(), self.sources.len());
        if known != now {
            return other(format!("it has {known} sources, and this one has {now}"));
        }
        let (known, now) = (&checkpoint.files, &self.files);
        let same =
            known.len() == now.len() && known.iter().zip(now).all(|(known, now)| known.path == now.path);
        if !same {
            return other("it writes other files beside it".to_owned());
        }
        for ((name, source), saved) in self.sources.iter().zip(&checkpoint.sources) {
            if *name != saved.name {
                return other(format!("it has a source {}, where this one has {name}", saved.name));
            }
            let nodes = source.context().holdings.nodes();
            if let Some(reason) = difference(&nodes, saved) {
                return other(reason);
            }
            for node in nodes {
                if let Some(reason) = node.unsaved() {
                    let (node, reason) = (node.name.clone(), reason.to_owned());
                    return Err(Error::Graph(GraphError::Unsaved { node, reason }));
                }
            }
        }
        match self.changed(&checkpoint.notes) {
            Some(what) => Err(Error::Graph(GraphError::Changed { what })),
            None => Ok(()),
        }
    }

    /// The first thing that is not as it was noted, unless that is accepted.
    fn changed(&self, known: &BTreeMap<String, String>) -> Option<String> {
        let mut both = known.keys().chain(self.notes.keys()).filter(|_| !self.accepts_changes);
        both.find(|what| known.get(*what) != self.notes.get(*what)).cloned()
    }
}

/// The first node that differs.
fn difference(nodes: &[std::sync::Arc<HoldingNode>], saved: &SavedSource) -> Option<String> {
    let (mut now, mut known) =
        (nodes.iter().map(|node| &node.name), saved.nodes.iter().map(|node| &node.name));
    loop {
        match (known.next(), now.next()) {
            (None, None) => return None,
            (Some(known), Some(now)) if known == now => {}
            (Some(known), Some(now)) => {
                return Some(format!("after {}, it has {known}, where this one has {now}", saved.name));
            }
            (Some(known), None) => {
                return Some(format!("after {}, it has {known}, which this one lacks", saved.name));
            }
            (None, Some(now)) => return Some(format!("after {}, it lacks {now}", saved.name)),
        }
    }
}

fn not_restored(node: &HoldingNode, error: SaveError) -> Error {
    match error {
        SaveError::Refused(reason) => {
            Error::Graph(GraphError::NotRestored { node: node.name.clone(), reason })
        }
        SaveError::Run(error) => error,
    }
}

//! The sources whose graphs are saved together.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::cut::Cut;
use crate::error::GraphError;
use crate::graph::{HoldSource, Source};
use crate::progress::{HoldingNode, OutputState, SaveError, SavedTypes};
use crate::{Error, files};

/// One or several sources, with all nodes after them, whose progress is saved together.
///
/// [`ResumableRun`](super::ResumableRun) does all of this: feeds the sources, saves checkpoints at intervals, and goes on from
/// one. This is for programs that feed their sources in another way.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
/// use std::num::NonZeroUsize;
/// use std::sync::Arc;
///
/// use engine::checkpoint::CheckpointedGraph;
/// use engine::{Source, sinks};
///
/// let build = || {
///     let (source, (sink, pairs)) = (Arc::new(Source::new()), sinks::list());
///     source.stream().partition(NonZeroUsize::new(2).unwrap()).sink(sink);
///     let graph = CheckpointedGraph::new().source("numbers", &source);
///     (source, pairs, graph)
/// };
/// let (source, pairs, graph) = build();
/// graph.begin().await?;
/// for x in 1..=3 {
///     source.emit(x).await?;
/// }
/// let checkpoint = graph.cut().await?.checkpoint();
/// assert_eq!(pairs.take(), [[1, 2]]);
///
/// // Another program goes on with 3, which waits for another element.
/// let (source, pairs, graph) = build();
/// graph.resume(&checkpoint).await?;
/// for x in 1..=4 {
///     source.emit(x).await?; // the first three are skipped
/// }
/// assert_eq!(pairs.take(), [[3, 4]]);
/// # Ok(()) }
/// ```
#[derive(Default)]
pub struct CheckpointedGraph {
    pub(super) sources: Vec<(String, Arc<dyn HoldSource>)>,
    pub(super) types: SavedTypes,
    pub(super) files: Vec<WrittenFile>,
    pub(super) notes: BTreeMap<String, String>,
    pub(super) accepts_changes: bool,
}

/// A file that is written beside the graph.
pub(super) struct WrittenFile {
    pub(super) path: PathBuf,
    pub(super) flush: Box<dyn Fn() -> Result<(), Error> + Send + Sync>,
}

impl WrittenFile {
    /// How much of it is written.
    pub(super) fn note(&self) -> Result<OutputState, Error> {
        (self.flush)()?;
        let length = files::known(&self.path).map_or(0, |known| known.len());
        Ok(OutputState { path: self.path.clone(), length, ..OutputState::default() })
    }
}

impl CheckpointedGraph {
    /// No sources yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a source by its name. A program that goes on adds the same sources in the same order.
    #[must_use]
    pub fn source<T: Clone + Send + 'static>(mut self, name: &str, source: &Arc<Source<T>>) -> Self {
        self.sources.push((name.to_owned(), source.clone()));
        self
    }

    /// Adds a file that the program writes beside the graph, such as one of dead letters. `flush` writes what is held back,
    /// and makes the file again if it was removed; a run that goes on cuts the file back. It must be open for appending, and
    /// be there when the run begins.
    #[must_use]
    pub fn file(
        mut self,
        path: impl Into<PathBuf>,
        flush: impl Fn() -> Result<(), Error> + Send + Sync + 'static,
    ) -> Self {
        self.files.push(WrittenFile { path: path.into(), flush: Box::new(flush) });
        self
    }

    /// Lets nodes keep values of a type. Integers, floats, `bool`, `char`, `String`, `Vec<u8>` and lists, options and pairs
    /// of these need not be added. The type must not need a self-describing format, as `serde_json::Value` does.
    #[must_use]
    pub fn saves<T: Serialize + DeserializeOwned + 'static>(mut self) -> Self {
        self.types.add::<T>();
        self
    }

    /// Notes what must be the same when a run goes on, such as a plugin's hash. `what` is what people call it.
    #[must_use]
    pub fn note(mut self, what: &str, value: &str) -> Self {
        self.notes.insert(what.to_owned(), value.to_owned());
        self
    }

    /// Goes on although something that was [noted](Self::note) has changed.
    #[must_use]
    pub fn accept_changes(mut self) -> Self {
        self.accepts_changes = true;
        self
    }

    /// All nodes with their source's place, in an order in which each is after those that it takes from.
    pub(super) fn nodes(&self) -> Vec<(usize, Arc<HoldingNode>)> {
        let sources = self.sources.iter().enumerate();
        let nodes = sources.flat_map(|(place, (_, source))| {
            source.context().holdings.nodes().into_iter().map(move |node| (place, node))
        });
        let mut nodes: Vec<_> = nodes.collect();
        nodes.sort_by_key(|(_, node)| node.order);
        nodes
    }

    /// Begins a run from the beginning. Call it, or [`resume`](Self::resume), before the first element.
    ///
    /// # Errors
    ///
    /// [`GraphError::Unsaved`], if a node can't be in a checkpoint: it is named.
    pub async fn begin(&self) -> Result<Cut<'_>, Error> {
        for (_, node) in self.nodes() {
            if let Some(reason) = node.unsaved() {
                return Err(unsaved(&node, reason));
            }
        }
        for (_, source) in &self.sources {
            source.hold().await.begin();
        }
        // Whether all types can be saved shows now too.
        self.cut().await
    }
}

fn unsaved(node: &HoldingNode, reason: &str) -> Error {
    Error::Graph(GraphError::Unsaved { node: node.name.clone(), reason: reason.to_owned() })
}

/// What an error means when a node is saved.
pub(super) fn not_saved(node: &HoldingNode, error: SaveError) -> Error {
    match error {
        SaveError::Refused(reason) => unsaved(node, &reason),
        SaveError::Run(error) => error,
    }
}

impl std::fmt::Debug for CheckpointedGraph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.sources.iter().map(|(name, _)| name)).finish()
    }
}

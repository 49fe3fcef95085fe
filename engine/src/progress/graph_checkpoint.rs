//! Checkpoints of whole graphs: what each source has read and what each node keeps, at one moment.

use std::collections::BTreeMap;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::checkpoint::{Layout, OutputState, blocking_load_line, blocking_save_line, checked_line, damaged};
use super::saved_types::SavedTypes;
use super::saving::Restorer;
use crate::Error;
use crate::error::FileError;
use crate::function::State;
use crate::versions::GRAPH_CHECKPOINT;

/// A moment of a graph's run: all that was emitted until then has reached its sinks or is kept by a node, and nothing
/// of what came later has left a trace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "a checkpoint of a graph")]
#[non_exhaustive]
pub struct GraphCheckpoint {
    /// The version of the file's layout; [`blocking_save`](Self::blocking_save) sets it.
    pub graph: u32,
    /// What there is of each source.
    pub sources: Vec<SavedSource>,
    /// Files that are written beside the graph, such as dead letters.
    pub files: Vec<OutputState>,
    /// What else the program notes, such as which plugins run.
    pub notes: BTreeMap<String, String>,
}

/// A source and the nodes after it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SavedSource {
    /// What people call it.
    pub name: String,
    /// The number of the last record that it emitted.
    pub record: u64,
    /// Whether it has ended.
    pub ended: bool,
    /// Where to read from; the beginning if there is none.
    pub position: Option<Position>,
    /// How many records after that position were emitted already.
    pub skip: u64,
    /// Its nodes, in the order in which they were added.
    pub nodes: Vec<SavedNode>,
}

/// A node, and what it keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SavedNode {
    /// What people call it, and which of the source's nodes it is.
    pub name: String,
    /// The version of its state.
    pub version: u32,
    /// What it keeps.
    pub state: Option<State>,
    /// The file that it writes.
    pub output: Option<OutputState>,
}

impl SavedNode {
    /// A node that keeps this.
    pub(crate) fn with_state(version: u32, state: Vec<u8>) -> Self {
        Self { version, state: Some(state.into()), ..Self::default() }
    }

    /// Reads the state.
    pub(crate) fn restorer<'a>(&'a self, types: &'a SavedTypes) -> Result<Restorer<'a>, String> {
        let state = self.state.as_ref().ok_or("its state is missing")?;
        Ok(Restorer::new(types, state))
    }

    /// Refuses a state of another version.
    pub(crate) fn check_version(&self, version: u32) -> Result<(), String> {
        match self.version == version {
            true => Ok(()),
            false => {
                Err(format!("its state is of version {}, and this engine reads {version}", self.version))
            }
        }
    }
}

/// Where a source stands in its input: what [`Source::mark`](crate::Source::mark) was given.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Position(serde_json::Value);

impl Position {
    /// A position as a checkpoint holds it. None if the value has no form in JSON.
    pub(crate) fn of(position: &impl Serialize) -> Option<Self> {
        serde_json::to_value(position).ok().map(Self)
    }

    /// Reads what was noted.
    ///
    /// # Errors
    ///
    /// If it is the position of a source of another kind.
    pub fn read<P: DeserializeOwned>(&self) -> Result<P, String> {
        P::deserialize(&self.0)
            .map_err(|error| format!("it is the position of another kind of source: {error}"))
    }
}

impl GraphCheckpoint {
    /// Reads a checkpoint, and blocks the caller's thread meanwhile. Returns none if there is no such file.
    ///
    /// # Errors
    ///
    /// If the file can't be read, or is no checkpoint of a graph.
    pub fn blocking_load(path: &Path) -> Result<Option<Self>, Error> {
        let Some(bytes) = blocking_load_line(path)? else { return Ok(None) };
        let checkpoint = Self::parse(&bytes);
        let refused = |reason| Error::File(FileError::NotACheckpoint { path: path.to_owned(), reason });
        checkpoint.map(Some).map_err(refused)
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let line = checked_line(bytes, |line| {
            let Layout { graph } = serde_json::from_slice(line).map_err(damaged)?;
            match graph {
                Some(version) => GRAPH_CHECKPOINT.check(version),
                None => Err("it is not of a graph but of a chain of functions: name another file".to_owned()),
            }
        })?;
        serde_json::from_slice(line).map_err(damaged)
    }

    /// Replaces the file by this checkpoint, as a whole or not at all, and blocks the caller's thread until it is on
    /// the disk. The outputs that it describes are brought to the disk before.
    ///
    /// # Errors
    ///
    /// If an output or the file can't be written.
    pub fn blocking_save(&self, path: &Path) -> Result<(), Error> {
        let mut whole = Self { graph: GRAPH_CHECKPOINT.written, ..self.clone() };
        let nodes = whole.sources.iter_mut().flat_map(|source| &mut source.nodes);
        for output in nodes.filter_map(|node| node.output.as_mut()).chain(&mut whole.files) {
            *output = output.clone().blocking_kept()?;
        }
        blocking_save_line(path, || serde_json::to_vec(&whole))
    }

    /// Removes the file, since the run is done. Blocks the caller's thread meanwhile.
    ///
    /// # Errors
    ///
    /// If it can't be removed.
    pub fn blocking_remove(path: &Path) -> Result<(), Error> {
        super::Checkpoint::blocking_remove(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::versions::fixture;

    fn checkpoint() -> GraphCheckpoint {
        let position = Position::of(&(1, "in")).unwrap();
        let node = SavedNode { name: "partition (1)".to_owned(), ..SavedNode::with_state(1, vec![0, 255]) };
        let source = SavedSource {
            name: "in".to_owned(),
            record: 5,
            position: Some(position),
            ..SavedSource::default()
        };
        let sources = vec![SavedSource { nodes: vec![node], ..source }];
        GraphCheckpoint { sources, ..GraphCheckpoint::default() }
    }

    #[test]
    fn a_saved_checkpoint_of_a_graph_loads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        assert_eq!(GraphCheckpoint::blocking_load(&path).unwrap(), None);
        checkpoint().blocking_save(&path).unwrap();
        let loaded = GraphCheckpoint::blocking_load(&path).unwrap().unwrap();
        assert_eq!(loaded, GraphCheckpoint { graph: GRAPH_CHECKPOINT.written, ..checkpoint() });
        assert_eq!(loaded.sources[0].position.as_ref().unwrap().read(), Ok((1, "in".to_owned())));
    }

    #[test]
    fn a_checkpoint_that_was_changed_or_is_of_something_else_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        checkpoint().blocking_save(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let refused = |text: &str| {
            std::fs::write(&path, text).unwrap();
            format!("{:?}", GraphCheckpoint::blocking_load(&path).unwrap_err())
        };
        assert!(refused(&text.replace("\"record\":5", "\"record\":6")).contains("checksum"));
        let later = refused(&text.replace("\"graph\":1", "\"graph\":2"));
        assert!(later.contains("version 2"), "{later}");
        super::super::Checkpoint::default().blocking_save(&path).unwrap();
        let chain = format!("{:?}", GraphCheckpoint::blocking_load(&path).unwrap_err());
        assert!(chain.contains("chain of functions"), "{chain}");
        checkpoint().blocking_save(&path).unwrap();
        let graph = super::super::Checkpoint::blocking_load(&path).unwrap_err().to_string();
        assert!(graph.contains("it is of a pipeline file"), "{graph}");
    }

    /// The file was written by an engine of that version.
    #[test]
    fn checkpoints_of_all_versions_load() {
        for version in GRAPH_CHECKPOINT.oldest..=GRAPH_CHECKPOINT.written {
            let loaded = GraphCheckpoint::parse(&fixture(&format!("graph_checkpoint.{version}"))).unwrap();
            assert_eq!(loaded, GraphCheckpoint { graph: version, ..checkpoint() });
        }
    }
}

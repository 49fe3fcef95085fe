//! Options of the node type `ndjson`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::connectors::file::{RowInput, reads, rows};
use crate::connectors::support::formats::Layout;
use crate::connectors::support::options::ReadFrom;
use crate::nodes::{Access, BuildContext, Contents, Feeding, OneOrMore, Problem, SourceNode};

/// Lines that are JSON. A line that is not is a fault.
#[derive(Deserialize, JsonSchema)]
pub(super) struct NdjsonSource {
    /// The file, or a list of files; stdin by default. "*.ndjson" stands for all files whose names match.
    path: Option<OneOrMore<PathBuf>>,
    /// The files are followed as they grow, and those that are not there yet are waited for, until the run is stopped.
    #[serde(default)]
    follow: bool,
    /// Where reading begins: at the "start" of the files, or at the "end" of those that are there.
    #[serde(default)]
    from: ReadFrom,
    /// The file that keeps how far the files were read, so that the next run goes on there.
    position: Option<PathBuf>,
}

impl SourceNode for NdjsonSource {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        let paths = self.path.as_ref().map_or(&[][..], OneOrMore::as_slice);
        reads(access, paths, self.follow, self.position.as_deref());
    }

    fn open(self, context: &mut BuildContext) -> Result<(Feeding, Contents), Problem> {
        let Self { path, follow, from, position } = self;
        rows(RowInput { path, follow, from, position }, Layout::Ndjson, context)
    }
}

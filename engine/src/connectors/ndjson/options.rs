//! Options of the node type `ndjson`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::connectors::file::rows;
use crate::connectors::support::formats::Layout;
use crate::nodes::{Access, BuildContext, Contents, Feeding, OneOrMore, Problem, SourceNode};

/// Lines that are JSON. A line that is not is a fault.
#[derive(Deserialize, JsonSchema)]
pub(super) struct NdjsonSource {
    /// The file, or a list of files; stdin by default.
    path: Option<OneOrMore<PathBuf>>,
    /// The last file is followed as it grows, until the run is stopped.
    #[serde(default)]
    follow: bool,
}

impl SourceNode for NdjsonSource {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        self.path.iter().for_each(|paths| access.reads_all(paths.as_slice(), self.follow));
    }

    fn open(self, context: &mut BuildContext) -> Result<(Feeding, Contents), Problem> {
        rows(self.path, Layout::Ndjson, self.follow, context)
    }
}

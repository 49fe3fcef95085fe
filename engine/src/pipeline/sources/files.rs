//! Lines of files.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::format::{RecordFormat, separator};
use crate::nodes::{Access, BuildContext, Contents, Feeding, OneOrMore, Problem, SourceNode};
use crate::sources;

/// Lines of files, one file after another; those compressed with gzip or zstd are read as what was compressed.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Files {
    /// The file, or a list of them.
    path: OneOrMore<PathBuf>,
    /// How each line is to be read: "text", "json" or "bytes".
    #[serde(default)]
    format: RecordFormat,
    /// Records end with a NUL byte, not a newline.
    #[serde(default)]
    null: bool,
    /// The last file is read on as it grows, until the run is stopped.
    #[serde(default)]
    follow: bool,
}

impl SourceNode for Files {
    fn access(&self, access: &mut Access) {
        access.reads_all(self.path.as_slice(), self.follow);
    }

    fn open(self, context: &mut BuildContext) -> Result<(Feeding, Contents), Problem> {
        let paths = read(self.path, context)?;
        let files = sources::files(paths).separated_by(separator(self.null)).follow(self.follow);
        Ok((Feeding::of(files), self.format.contents()))
    }
}

/// Paths of files that are there.
pub(super) fn read(paths: OneOrMore<PathBuf>, context: &mut BuildContext) -> Result<Vec<PathBuf>, Problem> {
    paths.into_vec().into_iter().map(|path| context.reads(&path, "path")).collect()
}

//! Options of the node type `letters`.

use std::path::PathBuf;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::connectors::file::input_paths;
use crate::connectors::support::options::RecordFormat;
use crate::error::FileError;
use crate::nodes::{Access, BuildContext, Contents, Feeding, OneOrMore, Problem, SourceNode};
use crate::sources::{Feed, dead_letters};
use crate::{Error, files};

/// The records in files of dead letters, as they were before they failed.
#[derive(Deserialize, JsonSchema)]
pub(super) struct DeadLettersSource {
    /// The file, or a list of them.
    path: OneOrMore<PathBuf>,
    /// How to read each record: "text", "json" or "bytes".
    #[serde(default)]
    format: RecordFormat,
}

impl SourceNode for DeadLettersSource {
    fn access(&self, access: &mut Access) {
        access.reads_all(self.path.as_slice(), false);
    }

    fn open(self, context: &mut BuildContext) -> Result<(Feeding, Contents), Problem> {
        let paths = input_paths(self.path, context)?;
        let feeding = Feeding::new(move |source, stop| async move {
            for path in paths {
                let file = files::open(&path)
                    .map_err(|error| Error::File(FileError::Read { path, source: Arc::new(error) }))?;
                dead_letters(file).feed(&source, &stop).await?;
            }
            Ok(())
        });
        Ok((feeding, self.format.contents()))
    }
}

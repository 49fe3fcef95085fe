//! Lines that a command prints.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::format::{RecordFormat, separator};
use crate::nodes::{Access, BuildContext, Contents, Feeding, Problem, SourceNode};
use crate::sources;

/// Lines that a command prints. It is no sandbox: the command may do what you may.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Process {
    /// The program and its arguments; no shell has a part in it.
    command: Vec<String>,
    /// The folder that it runs in; the file's, if not said.
    folder: Option<PathBuf>,
    /// How each line is to be read: "text", "json" or "bytes".
    #[serde(default)]
    format: RecordFormat,
    /// Records end with a NUL byte, not a newline.
    #[serde(default)]
    null: bool,
}

impl SourceNode for Process {
    fn access(&self, access: &mut Access) {
        access.starts(&self.command, self.folder.as_deref());
    }

    fn open(self, context: &mut BuildContext) -> Result<(Feeding, Contents), Problem> {
        let (command, folder) = context.starts(self.command, self.folder.as_deref())?;
        let process = sources::process(command).separated_by(separator(self.null));
        let process = match folder {
            Some(folder) => process.folder(folder),
            None => process,
        };
        Ok((Feeding::of(process), self.format.contents()))
    }
}

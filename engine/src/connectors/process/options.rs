//! Options of the node types `process`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{sink, source};
use crate::connectors::support::options::{RecordFormat, separator};
use crate::nodes::{Access, BuildContext, Contents, Feeding, Flow, Problem, SinkNode, SourceNode, Time};

/// Lines that a command prints. It is no sandbox: the command may do what you may.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ProcessSource {
    /// The program and its arguments; no shell has a part in it.
    command: Vec<String>,
    /// The folder that it runs in; the file's by default.
    folder: Option<PathBuf>,
    /// How each line is to be read: "text", "json" or "bytes".
    #[serde(default)]
    format: RecordFormat,
    /// Records end with a NUL byte, not a newline.
    #[serde(default)]
    null: bool,
}

impl SourceNode for ProcessSource {
    fn access(&self, access: &mut Access) {
        access.starts(&self.command, self.folder.as_deref());
    }

    fn open(self, context: &mut BuildContext) -> Result<(Feeding, Contents), Problem> {
        let (command, folder) = context.starts(self.command, self.folder.as_deref())?;
        let process = source::process(command).separated_by(separator(self.null));
        let process = match folder {
            Some(folder) => process.folder(folder),
            None => process,
        };
        Ok((Feeding::of(process), self.format.contents()))
    }
}

/// Lines to a command's stdin. It is no sandbox: the command may do what you may.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ProcessSink {
    /// The program and its arguments; no shell has a part in it.
    command: Vec<String>,
    /// The folder that it runs in; the file's by default.
    folder: Option<PathBuf>,
    /// A NUL byte after each record, not a newline.
    #[serde(default)]
    null: bool,
    /// How long it may take until it reads anything, and at the end until it ends; 1h by default.
    timeout: Option<Time>,
}

impl SinkNode for ProcessSink {
    fn access(&self, access: &mut Access) {
        access.starts(&self.command, self.folder.as_deref());
    }

    fn attach(self, input: Flow, context: &mut BuildContext) -> Result<(), Problem> {
        let (command, folder) = context.starts(self.command, self.folder.as_deref())?;
        let process = sink::process(command).separated_by(separator(self.null));
        let process = match folder {
            Some(folder) => process.folder(folder),
            None => process,
        };
        let process = match self.timeout {
            Some(Time(timeout)) => process.timeout(timeout),
            None => process,
        };
        input.local()?.0.sink(process);
        Ok(())
    }
}

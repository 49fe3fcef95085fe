//! Options of the node types `process`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::words::Words;
use super::{sink, source};
use crate::connectors::support::options::{RecordFormat, separator};
use crate::nodes::{
    Access, BuildContext, Contents, Feeding, Flow, Number, Problem, SinkNode, SourceNode, Time,
};

/// The lines that a command prints. There is no sandbox: the command may do what you may.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ProcessSource {
    /// The program and its arguments, without a shell.
    command: Words,
    /// The folder that it runs in; that of the pipeline file by default.
    folder: Option<PathBuf>,
    /// How often in a row the command is started again if it fails, without a line in between; 0 by default.
    retries: Option<Number>,
    /// Starts the command again after it has ended without a failure too; counts as one of the `retries`.
    #[serde(default)]
    restart: bool,
    /// How to read each line: "text", "json" or "bytes".
    #[serde(default)]
    format: RecordFormat,
    /// Records end with a NUL byte, instead of a newline.
    #[serde(default)]
    null: bool,
}

impl SourceNode for ProcessSource {
    fn access(&self, access: &mut Access) {
        access.starts(&self.command.0, self.folder.as_deref());
    }

    fn open(self, context: &mut BuildContext) -> Result<(Feeding, Contents), Problem> {
        let (command, folder) = context.starts(self.command.0, self.folder.as_deref())?;
        let retries =
            self.retries.map_or(0, |Number(retries)| usize::try_from(retries).unwrap_or(usize::MAX));
        let process = source::process(command).separated_by(separator(self.null));
        let process = process.retries(retries).restart(self.restart);
        let process = match folder {
            Some(folder) => process.folder(folder),
            None => process,
        };
        Ok((Feeding::of(process), self.format.contents()))
    }
}

/// Writes each record to a command's stdin as a line. There is no sandbox: the command may do what you may.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ProcessSink {
    /// The program and its arguments, without a shell.
    command: Words,
    /// The folder that it runs in; that of the pipeline file by default.
    folder: Option<PathBuf>,
    /// Writes a NUL byte after each record, instead of a newline.
    #[serde(default)]
    null: bool,
    /// How long the command may read nothing, and how long it may take to exit at the end; 1h by default.
    timeout: Option<Time>,
}

impl SinkNode for ProcessSink {
    fn access(&self, access: &mut Access) {
        access.starts(&self.command.0, self.folder.as_deref());
    }

    fn attach(self, input: Flow, context: &mut BuildContext) -> Result<(), Problem> {
        let (command, folder) = context.starts(self.command.0, self.folder.as_deref())?;
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

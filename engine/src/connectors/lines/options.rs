//! Options of the node types `stdin` and `stdout`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::source;
use crate::connectors::support::options::{RecordFormat, separator};
use crate::files::StandardInput;
use crate::nodes::{BuildContext, Contents, Feeding, Flow, Problem, SinkNode, SourceNode};
use crate::sinks::lines;

/// The lines of stdin.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Stdin {
    /// How to read each line: "text", "json" or "bytes".
    #[serde(default)]
    format: RecordFormat,
    /// Records end with a NUL byte, instead of a newline.
    #[serde(default)]
    null: bool,
}

impl SourceNode for Stdin {
    const REFUSES: bool = true;

    fn open(self, context: &mut BuildContext) -> Result<(Feeding, Contents), Problem> {
        context.take_stdin()?;
        let lines = source::lines(StandardInput).separated_by(separator(self.null));
        Ok((Feeding::of(lines.on_fault(&context.guard.policy)), self.format.contents()))
    }
}

/// Writes each record to stdout as a line.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Stdout {
    /// Writes a NUL byte after each record, instead of a newline.
    #[serde(default)]
    null: bool,
}

impl SinkNode for Stdout {
    fn attach(self, input: Flow, context: &mut BuildContext) -> Result<(), Problem> {
        input.local()?.0.sink(lines(&context.stdout()?).separated_by(separator(self.null)));
        Ok(())
    }
}

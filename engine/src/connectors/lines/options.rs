//! Options of the node types `stdin` and `stdout`.

use std::io::stdin;

use schemars::JsonSchema;
use serde::Deserialize;

use super::source;
use crate::connectors::support::options::{RecordFormat, separator};
use crate::nodes::{BuildContext, Contents, Feeding, Flow, Problem, SinkNode, SourceNode};
use crate::sinks::lines;

/// Lines of stdin.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Stdin {
    /// How each line is to be read: "text", "json" or "bytes".
    #[serde(default)]
    format: RecordFormat,
    /// Records end with a NUL byte, not a newline.
    #[serde(default)]
    null: bool,
}

impl SourceNode for Stdin {
    fn open(self, context: &mut BuildContext) -> Result<(Feeding, Contents), Problem> {
        context.take_stdin()?;
        let lines = source::lines(stdin()).separated_by(separator(self.null));
        Ok((Feeding::of(lines), self.format.contents()))
    }
}

/// Lines to stdout.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Stdout {
    /// A NUL byte after each record, not a newline.
    #[serde(default)]
    null: bool,
}

impl SinkNode for Stdout {
    fn attach(self, input: Flow, context: &mut BuildContext) -> Result<(), Problem> {
        input.local()?.0.sink(lines(&context.stdout()?).separated_by(separator(self.null)));
        Ok(())
    }
}

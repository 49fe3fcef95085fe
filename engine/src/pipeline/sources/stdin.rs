//! Lines of stdin.

use std::io::stdin;

use schemars::JsonSchema;
use serde::Deserialize;

use super::format::{RecordFormat, separator};
use crate::nodes::{BuildContext, Contents, Feeding, Problem, SourceNode};
use crate::sources;

/// Lines of stdin.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Stdin {
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
        let lines = sources::lines(stdin()).separated_by(separator(self.null));
        Ok((Feeding::of(lines), self.format.contents()))
    }
}

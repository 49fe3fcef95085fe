//! Lines to stdout.

use schemars::JsonSchema;
use serde::Deserialize;

use super::separator;
use crate::nodes::{BuildContext, Flow, Problem, SinkNode};
use crate::sinks::lines;

/// Lines to stdout.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Stdout {
    /// A NUL byte behind each record, not a newline.
    #[serde(default)]
    null: bool,
}

impl SinkNode for Stdout {
    fn attach(self, input: Flow, context: &mut BuildContext) -> Result<(), Problem> {
        input.local()?.0.sink(lines(&context.stdout()?).separated_by(separator(self.null)));
        Ok(())
    }
}

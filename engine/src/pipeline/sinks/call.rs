//! A plugin's function as a sink.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::nodes::{self, Access, BuildContext, Called, Flow, Problem, SinkNode};

/// A sink function of a plugin: one instance, in order. What it prints goes to stdout.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(in crate::pipeline) struct Call(nodes::Call);

impl SinkNode for Call {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        self.0.access(access);
    }

    fn attach(self, input: Flow, context: &mut BuildContext) -> Result<(), Problem> {
        let (stream, _) = input.local()?;
        let function = self.0.function::<()>(context)?.stdout(&context.stdout()?);
        context.calls(Called::Sink(function.clone()));
        stream.sink(&function);
        Ok(())
    }
}

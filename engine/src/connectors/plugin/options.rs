//! Options of the node type `plugin`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::nodes::{Access, BuildContext, Call, Flow, Problem, SinkNode};

/// Calls a sink function of a plugin with each record, in order, in one instance. What it prints goes to stdout.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct PluginSink(Call);

impl SinkNode for PluginSink {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        self.0.access(access);
    }

    fn attach(self, input: Flow, context: &mut BuildContext) -> Result<(), Problem> {
        let (stream, _) = input.local()?;
        let function = self.0.function::<()>(context)?.stdout(&context.stdout()?);
        context.calls(&function);
        stream.sink(&function);
        Ok(())
    }
}

//! A plugin's function as a sink.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::pipeline::building::{Building, Called};
use crate::pipeline::call;
use crate::pipeline::flow::Flow;
use crate::pipeline::kinds::Sink;
use crate::pipeline::mistake::Problem;
use crate::pipeline::reach::Reach;

/// A sink function of a plugin: one instance, in order. What it prints goes to stdout.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(in crate::pipeline) struct Call(call::Call);

impl Sink for Call {
    const REFUSES: bool = true;

    fn reach(&self, reach: &mut Reach) {
        self.0.reach(reach);
    }

    fn attach(self, input: Flow, building: &mut Building) -> Result<(), Problem> {
        let (stream, _) = input.local()?;
        let function = self.0.function::<()>(building)?.stdout(&building.stdout()?);
        building.calls(Called::Sink(function.clone()));
        stream.sink(&function);
        Ok(())
    }
}

//! Options of the node type `periodic`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::source;
use crate::nodes::{BuildContext, Contents, Feeding, Number, Problem, SourceNode, Time};

/// One record per interval: 0, 1, 2 and so on, or the same record each time.
#[derive(Deserialize, JsonSchema)]
pub(super) struct PeriodicSource {
    /// The time from one record to the next.
    interval: Time,
    /// The value of each record, as JSON; numbers from 0 by default.
    value: Option<serde_json::Value>,
    /// The number of records; without end by default.
    times: Option<Number>,
}

impl SourceNode for PeriodicSource {
    fn open(self, _: &mut BuildContext) -> Result<(Feeding, Contents), Problem> {
        let mut periodic = source::periodic(self.interval.0);
        if let Some(value) = self.value {
            periodic = periodic.value(value.to_string());
        }
        if let Some(Number(times)) = self.times {
            periodic = periodic.times(times);
        }
        Ok((Feeding::of(periodic), Contents::JSON))
    }
}

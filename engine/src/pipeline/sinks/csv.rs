//! Rows of CSV to a file.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::pipeline::building::Building;
use crate::pipeline::flow::Flow;
use crate::pipeline::kinds::Sink;
use crate::pipeline::mistake::Problem;
use crate::pipeline::options::Delimiter;
use crate::sinks;

/// Rows of CSV to a file: records are JSON objects or arrays. One that does not fit is a fault.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Csv {
    /// The file. It is emptied when the first record comes.
    path: PathBuf,
    /// The columns; the names of the first object, if not said.
    columns: Option<Vec<String>>,
    /// What stands between fields; a comma, if not said.
    delimiter: Option<Delimiter>,
    /// What the file has stays, and its header counts.
    #[serde(default)]
    append: bool,
}

impl Sink for Csv {
    const REFUSES: bool = true;

    fn attach(self, input: Flow, building: &mut Building) -> Result<(), Problem> {
        let mut csv = sinks::csv(building.claims(&self.path, false)?).append(self.append);
        if let Some(columns) = self.columns {
            csv = csv.columns(columns);
        }
        if let Some(Delimiter(delimiter)) = self.delimiter {
            csv = csv.delimiter(delimiter);
        }
        input.local()?.0.sink(csv.on_fault(&building.guard.policy));
        Ok(())
    }
}

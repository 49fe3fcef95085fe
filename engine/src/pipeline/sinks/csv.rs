//! Rows of CSV to a file.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::nodes::{Access, BuildContext, Delimiter, Flow, Problem, SinkNode};
use crate::sinks;

/// Rows of CSV to a file: records are JSON objects or arrays. One that does not fit is a fault.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Csv {
    /// The file. It is emptied when the run begins.
    path: PathBuf,
    /// The columns; those of the file, or else the names of the first object, if not said.
    columns: Option<Vec<String>>,
    /// What stands between fields; a comma, if not said.
    delimiter: Option<Delimiter>,
    /// What the file has stays, and its first row names the columns.
    #[serde(default)]
    append: bool,
}

impl SinkNode for Csv {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        access.writes(&self.path);
    }

    fn attach(self, input: Flow, context: &mut BuildContext) -> Result<(), Problem> {
        let mut csv = sinks::csv(context.writes(&self.path, self.append, false)?).append(self.append);
        if let Some(columns) = self.columns {
            csv = csv.columns(columns);
        }
        if let Some(Delimiter(delimiter)) = self.delimiter {
            if delimiter == b'"' {
                return Err(
                    Problem::at("delimiter", "double quotes stand around fields").help("choose another one")
                );
            }
            csv = csv.delimiter(delimiter);
        }
        input.local()?.0.sink(csv.on_fault(&context.guard.policy));
        Ok(())
    }
}

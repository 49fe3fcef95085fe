//! Options of the node types `csv`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::sink;
use crate::connectors::file::rows;
use crate::connectors::support::options::CsvOptions;
use crate::nodes::{
    Access, BuildContext, Contents, Delimiter, Feeding, Flow, OneOrMore, Problem, Quote, SinkNode, SourceNode,
};

/// Rows of CSV, as JSON objects; one that has more or fewer fields than the header is a fault.
#[derive(Deserialize, JsonSchema)]
pub(super) struct CsvSource {
    /// The file, or a list of them; stdin by default.
    path: Option<OneOrMore<PathBuf>>,
    /// What stands between fields; a comma by default.
    delimiter: Option<Delimiter>,
    /// What stands around fields that need it; a double quote by default. "" for nothing.
    quote: Option<Quote>,
    /// The names of the fields, if the file has no header.
    headers: Option<Vec<String>>,
    /// Fields that read as numbers, true and false are those, and empty ones are null; all are texts
    /// by default.
    #[serde(default)]
    infer: bool,
    /// The last file is read on as it grows, until the run is stopped.
    #[serde(default)]
    follow: bool,
}

impl SourceNode for CsvSource {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        self.path.iter().for_each(|paths| access.reads_all(paths.as_slice(), self.follow));
    }

    fn open(self, context: &mut BuildContext) -> Result<(Feeding, Contents), Problem> {
        let Self { path, delimiter, quote, headers, infer, follow } = self;
        let layout = CsvOptions { delimiter, quote, headers, infer }.layout(&["delimiter"])?;
        rows(path, layout, follow, context)
    }
}

/// Rows of CSV to a file: records are JSON objects or arrays. One that does not fit is a fault.
#[derive(Deserialize, JsonSchema)]
pub(super) struct CsvSink {
    /// The file. It is emptied when the run begins.
    path: PathBuf,
    /// The columns; those of the file, or else the names of the first object by default.
    columns: Option<Vec<String>>,
    /// What stands between fields; a comma by default.
    delimiter: Option<Delimiter>,
    /// What the file has stays, and its first row names the columns.
    #[serde(default)]
    append: bool,
}

impl SinkNode for CsvSink {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        access.writes(&self.path);
    }

    fn attach(self, input: Flow, context: &mut BuildContext) -> Result<(), Problem> {
        let mut csv = sink::csv(context.writes(&self.path, self.append, false)?).append(self.append);
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

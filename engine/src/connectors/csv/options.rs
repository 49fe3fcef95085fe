//! Options of the node types `csv`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::sink;
use crate::connectors::file::{RowInput, reads, rows};
use crate::connectors::support::options::{CsvOptions, ReadFrom, check_columns};
use crate::nodes::{
    Access, BuildContext, Contents, Delimiter, Feeding, Flow, OneOrMore, Problem, Quote, SinkNode, SourceNode,
};

/// The rows of CSV files, as JSON objects. A row with more or fewer fields than the header is a fault.
#[derive(Deserialize, JsonSchema)]
pub(super) struct CsvSource {
    /// The file, or a list of files; stdin by default. "*.csv" stands for all files whose names match.
    path: Option<OneOrMore<PathBuf>>,
    /// The character between fields; a comma by default.
    delimiter: Option<Delimiter>,
    /// The character around fields that need it; a double quote by default. "" for none.
    quote: Option<Quote>,
    /// The names of the columns, if the file has no header.
    headers: Option<Vec<String>>,
    /// Fields that look like numbers, true or false become those, and empty fields become null. By default all are
    /// strings.
    #[serde(default)]
    infer: bool,
    /// The files are followed as they grow, and those that are not there yet are waited for, until the run is stopped.
    #[serde(default)]
    follow: bool,
    /// Where reading begins: at the "start" of the files, or at the "end" of those that are there.
    #[serde(default)]
    from: ReadFrom,
    /// The file that keeps how far the files were read, so that the next run goes on there.
    position: Option<PathBuf>,
}

impl SourceNode for CsvSource {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        let paths = self.path.as_ref().map_or(&[][..], OneOrMore::as_slice);
        reads(access, paths, self.follow, self.position.as_deref());
    }

    fn open(self, context: &mut BuildContext) -> Result<(Feeding, Contents), Problem> {
        let Self { path, delimiter, quote, headers, infer, follow, from, position } = self;
        let layout = CsvOptions { delimiter, quote, headers, infer }.layout(&["delimiter"])?;
        rows(RowInput { path, follow, from, position }, layout, context)
    }
}

/// Writes records to a CSV file. Each must be a JSON object or array that fits the columns; others are faults.
#[derive(Deserialize, JsonSchema)]
pub(super) struct CsvSink {
    /// The file. Its contents are removed when the run begins.
    path: PathBuf,
    /// The columns; by default those of the file, or else the names of the first object.
    columns: Option<Vec<String>>,
    /// The character between fields; a comma by default.
    delimiter: Option<Delimiter>,
    /// Keeps the contents of the file, whose first row names the columns.
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
            check_columns(&columns, &["columns"])?;
            csv = csv.columns(columns);
        }
        if let Some(Delimiter(delimiter)) = self.delimiter {
            if delimiter == b'"' {
                return Err(
                    Problem::at("delimiter", "double quotes are around fields").help("choose another one")
                );
            }
            csv = csv.delimiter(delimiter);
        }
        input.local()?.0.sink(csv.on_fault(&context.guard.policy));
        Ok(())
    }
}

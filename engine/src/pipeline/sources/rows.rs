//! Rows of CSV, and lines that are JSON: of files, or of stdin.

use std::io::stdin;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::files::read;
use super::format::CsvOptions;
use crate::nodes::{
    Access, BuildContext, Contents, Delimiter, Feeding, OneOrMore, Problem, Quote, SourceNode,
};
use crate::sources::{self, Layout};

/// Rows of CSV, as JSON objects; one that has more or fewer fields than the header is a fault.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Csv {
    /// The file, or a list of them; stdin, if not said.
    path: Option<OneOrMore<PathBuf>>,
    /// What stands between fields; a comma, if not said.
    delimiter: Option<Delimiter>,
    /// What stands around fields that need it; a double quote, if not said. "" for nothing.
    quote: Option<Quote>,
    /// The names of the fields, if the file has no header.
    headers: Option<Vec<String>>,
    /// Fields that read as numbers, true and false are those, and empty ones are null; all are texts, if not
    /// said.
    #[serde(default)]
    infer: bool,
    /// The last file is read on as it grows, until the run is stopped.
    #[serde(default)]
    follow: bool,
}

impl SourceNode for Csv {
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

/// Lines that are JSON; one that is not is a fault.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Ndjson {
    /// The file, or a list of them; stdin, if not said.
    path: Option<OneOrMore<PathBuf>>,
    /// The last file is read on as it grows, until the run is stopped.
    #[serde(default)]
    follow: bool,
}

impl SourceNode for Ndjson {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        self.path.iter().for_each(|paths| access.reads_all(paths.as_slice(), self.follow));
    }

    fn open(self, context: &mut BuildContext) -> Result<(Feeding, Contents), Problem> {
        rows(self.path, Layout::Ndjson, self.follow, context)
    }
}

fn rows(
    path: Option<OneOrMore<PathBuf>>,
    layout: Layout,
    follow: bool,
    context: &mut BuildContext,
) -> Result<(Feeding, Contents), Problem> {
    let policy = context.guard.policy.clone();
    let feeding = match path {
        Some(path) => {
            let files = sources::files(read(path, context)?);
            Feeding::of(files.layout(layout).follow(follow).on_fault(&policy))
        }
        None if follow => {
            return Err(Problem::at("follow", "there is no file to follow").help("name its path"));
        }
        None => {
            context.take_stdin()?;
            let reading = match layout {
                Layout::Csv(csv) => sources::csv(stdin(), csv),
                _ => sources::ndjson(stdin()),
            };
            Feeding::of(reading.on_fault(&policy))
        }
    };
    Ok((feeding, Contents::JSON))
}

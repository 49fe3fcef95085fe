//! Options that several types of nodes have.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::nodes::{Contents, Delimiter, Problem, Quote};
use crate::record::Format;
use crate::sources::{Csv, Layout};

/// How each record is to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RecordFormat {
    /// Text, which is quoted where it becomes an item of an array.
    #[default]
    Text,
    /// One JSON value each.
    Json,
    /// Any bytes.
    Bytes,
}

impl RecordFormat {
    pub(crate) fn contents(self) -> Contents {
        Contents::Plain(match self {
            Self::Text => Format::Text,
            Self::Json => Format::Json,
            Self::Bytes => Format::Bytes,
        })
    }
}

/// The byte that ends records.
pub(crate) fn separator(null: bool) -> u8 {
    if null { 0 } else { b'\n' }
}

/// How comma-separated values are written.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CsvOptions {
    /// What stands between fields; a comma by default.
    pub(crate) delimiter: Option<Delimiter>,
    /// What stands around fields that need it; a double quote by default. "" for nothing.
    pub(crate) quote: Option<Quote>,
    /// The names of the fields, if the file has no header.
    pub(crate) headers: Option<Vec<String>>,
    /// Fields that read as numbers, true and false are those, and empty ones are null; all are texts
    /// by default.
    #[serde(default)]
    pub(crate) infer: bool,
}

impl CsvOptions {
    /// The layout, unless the delimiter, whose key is this one, is the quote too.
    pub(crate) fn layout(self, delimiter_key: &[&str]) -> Result<Layout, Problem> {
        let delimiter = self.delimiter.map_or(b',', |Delimiter(delimiter)| delimiter);
        let quote = self.quote.map_or(Some(b'"'), |Quote(quote)| quote);
        if quote == Some(delimiter) {
            let problem =
                Problem::new("what stands between fields can't stand around them").about(delimiter_key);
            return Err(problem.help("choose another delimiter or quote"));
        }
        let csv = Csv::new().delimiter(delimiter).quote(quote).infer(self.infer);
        Ok(Layout::Csv(match self.headers {
            Some(headers) => csv.headers(headers),
            None => csv,
        }))
    }
}

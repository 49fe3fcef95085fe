//! How the records of a source are to be read.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::pipeline::flow::Contents;
use crate::pipeline::options::Delimiter;
use crate::record::Format;
use crate::sources::{Csv, Layout};

/// How each record is to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RecordFormat {
    /// Text, which is quoted where it becomes an item of an array.
    #[default]
    Text,
    /// One JSON value each.
    Json,
    /// Any bytes.
    Bytes,
}

impl RecordFormat {
    pub(super) fn contents(self) -> Contents {
        Contents::Plain(match self {
            Self::Text => Format::Text,
            Self::Json => Format::Json,
            Self::Bytes => Format::Bytes,
        })
    }
}

/// The byte that ends records.
pub(super) fn separator(null: bool) -> u8 {
    if null { 0 } else { b'\n' }
}

/// How comma-separated values are written.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub(super) struct CsvOptions {
    /// What stands between fields; a comma, if not said.
    pub(super) delimiter: Option<Delimiter>,
    /// What stands around fields that need it; a double quote, if not said. "" for nothing.
    pub(super) quote: Option<String>,
    /// The names of the fields, if the file has no header.
    pub(super) headers: Option<Vec<String>>,
    /// Fields that read as numbers, true and false are those, and empty ones are null; all are texts, if not
    /// said.
    #[serde(default)]
    pub(super) infer: bool,
}

impl CsvOptions {
    pub(super) fn layout(self) -> Layout {
        let mut csv = Csv::new().infer(self.infer);
        if let Some(Delimiter(delimiter)) = self.delimiter {
            csv = csv.delimiter(delimiter);
        }
        if let Some(quote) = self.quote {
            csv = csv.quote(quote.bytes().next());
        }
        if let Some(headers) = self.headers {
            csv = csv.headers(headers);
        }
        Layout::Csv(csv)
    }
}

//! Options that several node types have.

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::Deserialize;

use super::formats::{Csv, Layout};
use crate::nodes::{Contents, Delimiter, Problem, Quote};
use crate::record::Format;

/// How to read each record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RecordFormat {
    /// Text, which is quoted when it becomes an item of an array.
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

/// Where reading begins if nothing was read before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReadFrom {
    /// At the starts of the files.
    #[default]
    Start,
    /// At the ends of the files that are there.
    End,
}

/// The byte that ends records.
pub(crate) fn separator(null: bool) -> u8 {
    if null { 0 } else { b'\n' }
}

/// Checks that there are names of columns, and none twice. `key` is that of the option.
pub(crate) fn check_columns(names: &[String], key: &[&str]) -> Result<(), Problem> {
    if names.is_empty() {
        return Err(Problem::new("it names no column").about(key).help("remove it, or name each column"));
    }
    let mut seen = HashSet::new();
    let twice = names.iter().enumerate().filter(|(_, name)| !seen.insert(*name));
    let problems = twice.map(|(index, name)| {
        let problem = Problem::new(format!("there are two columns named {name:?}"));
        Err::<(), _>(problem.about(&[key, &[&*index.to_string()]].concat()).help("give each another name"))
    });
    Problem::collect(problems).map(drop)
}

/// The format of CSV files.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CsvOptions {
    /// The character between fields; a comma by default.
    pub(crate) delimiter: Option<Delimiter>,
    /// The character around fields that need it; a double quote by default. "" for none.
    pub(crate) quote: Option<Quote>,
    /// The names of the columns, if the file has no header.
    pub(crate) headers: Option<Vec<String>>,
    /// Fields that look like numbers, true or false become those, and empty fields become null. By default all are
    /// strings.
    #[serde(default)]
    pub(crate) infer: bool,
}

impl CsvOptions {
    /// The layout. An error at this key if the delimiter is also the quote.
    pub(crate) fn layout(self, delimiter_key: &[&str]) -> Result<Layout, Problem> {
        let delimiter = self.delimiter.map_or(b',', |Delimiter(delimiter)| delimiter);
        let quote = self.quote.map_or(Some(b'"'), |Quote(quote)| quote);
        let different = if quote == Some(delimiter) {
            let problem = Problem::new("the delimiter and the quote must be different").about(delimiter_key);
            Err(problem.help("choose another delimiter or quote"))
        } else {
            Ok(())
        };
        let (_, table) = delimiter_key.split_last().unwrap_or((&"", &[]));
        let names = self.headers.iter().map(|names| check_columns(names, &[table, &["headers"]].concat()));
        Problem::collect([different].into_iter().chain(names))?;
        let csv = Csv::new().delimiter(delimiter).quote(quote).infer(self.infer);
        Ok(Layout::Csv(match self.headers {
            Some(headers) => csv.headers(headers),
            None => csv,
        }))
    }
}

/// Checks a header of requests.
#[cfg(feature = "net")]
pub(crate) fn check_header(name: &str, value: &str) -> Result<(), Problem> {
    use reqwest::header::{HeaderName, HeaderValue};

    let problem = |message: String| Problem::new(message).about(&["headers", name]);
    HeaderName::try_from(name).map_err(|_| problem(format!("{name:?} is not a valid header name")))?;
    // The value may be a secret.
    HeaderValue::try_from(value)
        .map_err(|_| problem(format!("the value of {name} is not valid in a header")))?;
    Ok(())
}

//! Options of the node type `folder`.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use super::source;
use crate::connectors::file::keeps_position;
use crate::connectors::support::formats::Layout;
use crate::connectors::support::options::{CsvOptions, ReadFrom, RecordFormat, separator};
use crate::nodes::{Access, BuildContext, Contents, Feeding, Problem, SourceNode, Time};

/// The records of a folder's files: first those of the files that are in it, in the order of their names, then those of
/// each new file when it is complete.
#[derive(Deserialize, JsonSchema)]
pub(super) struct FolderSource {
    /// The folder.
    path: PathBuf,
    /// Only files whose names match this pattern, as "*.log".
    names: Option<String>,
    /// The layout of the files: "lines", "csv" or "ndjson".
    #[serde(default)]
    layout: FileLayout,
    /// How to read each line: "text", "json" or "bytes". Rows of CSV and NDJSON are JSON.
    #[serde(default)]
    format: RecordFormat,
    /// The format of the CSV files.
    #[serde(default)]
    csv: CsvOptions,
    /// Ends when the files that are in the folder were read.
    #[serde(default)]
    once: bool,
    /// Scans the folder at this interval, for file systems that don't report changes.
    polling: Option<Time>,
    /// Where reading begins: at the "start", with the files that are there, or at the "end", with those that come later.
    #[serde(default)]
    from: ReadFrom,
    /// The file that keeps which files were read, and how far, so that the next run goes on there.
    position: Option<PathBuf>,
}

/// The layout of files.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum FileLayout {
    /// Lines.
    #[default]
    Lines,
    /// Rows of CSV, as JSON objects.
    Csv,
    /// Lines that are JSON.
    Ndjson,
}

impl SourceNode for FolderSource {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        access.reads(&self.path);
        self.position.iter().for_each(|path| access.replaces(path));
    }

    fn open(self, context: &mut BuildContext) -> Result<(Feeding, Contents), Problem> {
        let Self { path, names, layout, format, csv, once, polling, from, position } = self;
        let path = context.reads_folder(&path)?;
        if layout != FileLayout::Lines && format != RecordFormat::default() {
            return Err(Problem::at("format", "rows of CSV and NDJSON are JSON").help("remove it"));
        }
        let (layout, contents) = match layout {
            FileLayout::Lines => (Layout::Lines { separator: separator(false) }, format.contents()),
            FileLayout::Csv => (csv.layout(&["csv", "delimiter"])?, Contents::JSON),
            FileLayout::Ndjson => (Layout::Ndjson, Contents::JSON),
        };
        let pattern = names.as_deref().map(|names| {
            let wrong = |error: globset::Error| {
                Problem::at("names", format!("{names:?} is not a pattern for file names: {}", error.kind()))
            };
            Ok(globset::Glob::new(names).map_err(wrong)?.compile_matcher())
        });
        let pattern = pattern.transpose()?;
        let fits = move |name: &Path| pattern.as_ref().is_none_or(|pattern| pattern.is_match(name));
        context.reads_files_of(&path, fits)?;
        let mut folder = source::folder(path).layout(layout).once(once).on_fault(&context.guard.policy);
        folder = folder.from_end(from == ReadFrom::End);
        if let Some(position) = position {
            folder = folder.position(keeps_position(&position, context)?);
        }
        if let Some(names) = names {
            folder = folder.names(names);
        }
        if let Some(Time(interval)) = polling {
            folder = folder.polling(interval);
        }
        Ok((Feeding::of(folder), contents))
    }
}

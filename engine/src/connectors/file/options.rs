//! Options of the node types `files` and `file`.

use std::io::stdin;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{sink, source};
use crate::connectors::support::formats::{Layout, Reading};
use crate::connectors::support::options::{RecordFormat, separator};
use crate::nodes::{
    Access, BuildContext, Contents, Feeding, Flow, Number, OneOrMore, Problem, SinkNode, Size, SourceNode,
    Time,
};

/// The lines of files, one file after another. Files that are compressed with gzip or zstd are decompressed.
#[derive(Deserialize, JsonSchema)]
pub(super) struct FileSource {
    /// The file, or a list of files.
    path: OneOrMore<PathBuf>,
    /// How to read each line: "text", "json" or "bytes".
    #[serde(default)]
    format: RecordFormat,
    /// Records end with a NUL byte, instead of a newline.
    #[serde(default)]
    null: bool,
    /// The last file is followed as it grows, until the run is stopped.
    #[serde(default)]
    follow: bool,
}

impl SourceNode for FileSource {
    fn access(&self, access: &mut Access) {
        access.reads_all(self.path.as_slice(), self.follow);
    }

    fn open(self, context: &mut BuildContext) -> Result<(Feeding, Contents), Problem> {
        let paths = input_paths(self.path, context)?;
        let files = source::files(paths).separated_by(separator(self.null)).follow(self.follow);
        Ok((Feeding::of(files), self.format.contents()))
    }
}

/// The paths of input files, which must exist.
pub(crate) fn input_paths(
    paths: OneOrMore<PathBuf>,
    context: &mut BuildContext,
) -> Result<Vec<PathBuf>, Problem> {
    paths.into_vec().into_iter().map(|path| context.reads(&path, "path")).collect()
}

/// The most older files, since each rotation renames them all.
const MOST_KEPT: u64 = 10_000;

/// Writes each record to a file as a line.
#[derive(Deserialize, JsonSchema)]
pub(super) struct FileSink {
    /// The file. Its contents are removed when the run begins.
    path: PathBuf,
    /// Keeps the contents of the file, and writes after them. A last record without its end gets one.
    #[serde(default)]
    append: bool,
    /// Writes a NUL byte after each record, instead of a newline.
    #[serde(default)]
    null: bool,
    /// Compresses the file.
    #[serde(default)]
    gzip: bool,
    /// The most bytes of a file, before compression; then a new file is begun.
    rotate_at: Option<Size>,
    /// The longest time that a file is written to; then a new file is begun.
    rotate_every: Option<Time>,
    /// How many older files to keep, as PATH.1, PATH.2 and so on; none by default.
    keep: Option<Number>,
}

impl SinkNode for FileSink {
    fn access(&self, access: &mut Access) {
        let rotates = self.rotate_at.is_some() || self.rotate_every.is_some();
        if rotates {
            let keep = self.keep.as_ref().map_or(0, |Number(keep)| *keep);
            access.rotates(&self.path, usize::try_from(keep).unwrap_or(usize::MAX));
        } else {
            access.writes(&self.path);
        };
    }

    fn attach(self, input: Flow, context: &mut BuildContext) -> Result<(), Problem> {
        let Self { path, append, null, gzip, rotate_at, rotate_every, keep } = self;
        let rotates = rotate_at.is_some() || rotate_every.is_some();
        if keep.is_some() && !rotates {
            let problem = Problem::at("keep", "there is nothing to keep, since the file does not rotate");
            return Err(problem.help("add rotate_at or rotate_every"));
        }
        let files = sink::files(context.writes(&path, append, rotates)?).append(append).gzip(gzip);
        let mut files = files.separated_by(separator(null));
        if let Some(Size(bytes)) = rotate_at {
            files = files.rotate_at(bytes as u64);
        }
        if let Some(Time(interval)) = rotate_every {
            files = files.rotate_every(interval);
        }
        if let Some(Number(keep)) = keep {
            if keep > MOST_KEPT {
                return Err(Problem::at(
                    "keep",
                    format!("at most {MOST_KEPT} files can be kept, not {keep}"),
                ));
            }
            files = files.keep(usize::try_from(keep).unwrap_or(usize::MAX));
        }
        input.local()?.0.sink(files);
        Ok(())
    }
}

/// A source of the rows of files, or of stdin.
pub(crate) fn rows(
    path: Option<OneOrMore<PathBuf>>,
    layout: Layout,
    follow: bool,
    context: &mut BuildContext,
) -> Result<(Feeding, Contents), Problem> {
    let policy = context.guard.policy.clone();
    let feeding = match path {
        Some(path) => {
            let files = source::files(input_paths(path, context)?);
            Feeding::of(files.layout(layout).follow(follow).on_fault(&policy))
        }
        None if follow => {
            return Err(Problem::at("follow", "there is no file to follow").help("name its path"));
        }
        None => {
            context.take_stdin()?;
            Feeding::of(Reading::new(stdin(), layout).on_fault(&policy))
        }
    };
    Ok((feeding, Contents::JSON))
}

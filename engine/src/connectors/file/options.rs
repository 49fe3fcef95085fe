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

/// Lines of files, one file after another; those compressed with gzip or zstd are read as what was compressed.
#[derive(Deserialize, JsonSchema)]
pub(super) struct FileSource {
    /// The file, or a list of them.
    path: OneOrMore<PathBuf>,
    /// How each line is to be read: "text", "json" or "bytes".
    #[serde(default)]
    format: RecordFormat,
    /// Records end with a NUL byte, not a newline.
    #[serde(default)]
    null: bool,
    /// The last file is read on as it grows, until the run is stopped.
    #[serde(default)]
    follow: bool,
}

impl SourceNode for FileSource {
    fn access(&self, access: &mut Access) {
        access.reads_all(self.path.as_slice(), self.follow);
    }

    fn open(self, context: &mut BuildContext) -> Result<(Feeding, Contents), Problem> {
        let paths = read(self.path, context)?;
        let files = source::files(paths).separated_by(separator(self.null)).follow(self.follow);
        Ok((Feeding::of(files), self.format.contents()))
    }
}

/// Paths of files that are there.
pub(crate) fn read(paths: OneOrMore<PathBuf>, context: &mut BuildContext) -> Result<Vec<PathBuf>, Problem> {
    paths.into_vec().into_iter().map(|path| context.reads(&path, "path")).collect()
}

/// So many older files are renamed at each rotation at most.
const MOST_KEPT: u64 = 10_000;

/// Lines to a file, or to several one after another.
#[derive(Deserialize, JsonSchema)]
pub(super) struct FileSink {
    /// The file. It is emptied when the run begins.
    path: PathBuf,
    /// What the file has stays, and records come after it; a last one that is not ended is ended.
    #[serde(default)]
    append: bool,
    /// A NUL byte after each record, not a newline.
    #[serde(default)]
    null: bool,
    /// What is written is compressed.
    #[serde(default)]
    gzip: bool,
    /// A file has so many bytes at most, before they are compressed; then another is begun.
    rotate_at: Option<Size>,
    /// A file is written for so long, then another is begun.
    rotate_every: Option<Time>,
    /// So many files are kept besides the one that is written to, as PATH.1, PATH.2 and so on.
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
                return Err(Problem::at("keep", format!("{MOST_KEPT} files can be kept, not {keep}")));
            }
            files = files.keep(usize::try_from(keep).unwrap_or(usize::MAX));
        }
        input.local()?.0.sink(files);
        Ok(())
    }
}

/// Rows of files, or of stdin.
pub(crate) fn rows(
    path: Option<OneOrMore<PathBuf>>,
    layout: Layout,
    follow: bool,
    context: &mut BuildContext,
) -> Result<(Feeding, Contents), Problem> {
    let policy = context.guard.policy.clone();
    let feeding = match path {
        Some(path) => {
            let files = source::files(read(path, context)?);
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

//! Options of the node types `files` and `file`.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{sink, source};
use crate::Error;
use crate::connectors::support::formats::{Layout, Reading};
use crate::connectors::support::options::{ReadFrom, RecordFormat, separator};
use crate::connectors::support::positions::Positions;
use crate::files::{Pattern, StandardInput};
use crate::nodes::{
    Access, BuildContext, Contents, Feeding, Flow, Number, OneOrMore, Problem, SinkNode, Size, SourceNode,
    Time,
};

/// The lines of files, one file after another. Files that are compressed with gzip or zstd are decompressed.
#[derive(Deserialize, JsonSchema)]
pub(super) struct FileSource {
    /// The file, or a list of files. "*.log" stands for all files whose names match.
    path: OneOrMore<PathBuf>,
    /// How to read each line: "text", "json" or "bytes".
    #[serde(default)]
    format: RecordFormat,
    /// Records end with a NUL byte, instead of a newline.
    #[serde(default)]
    null: bool,
    /// The files are followed as they grow, and those that are not there yet are waited for, until the run is stopped.
    #[serde(default)]
    follow: bool,
    /// Where reading begins: at the "start" of the files, or at the "end" of those that are there.
    #[serde(default)]
    from: ReadFrom,
    /// The file that keeps how far the files were read, so that the next run goes on there.
    position: Option<PathBuf>,
}

impl SourceNode for FileSource {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        reads(access, self.path.as_slice(), self.follow, self.position.as_deref());
    }

    fn open(self, context: &mut BuildContext) -> Result<(Feeding, Contents), Problem> {
        let Self { path, format, null, follow, from, position } = self;
        let layout = Layout::Lines { separator: separator(null) };
        let input = FileInput { path, follow, from, position };
        Ok((Feeding::resumable(input.files(context)?.layout(layout)), format.contents()))
    }
}

/// The paths of input files, which must exist.
pub(crate) fn input_paths(
    paths: OneOrMore<PathBuf>,
    context: &mut BuildContext,
) -> Result<Vec<PathBuf>, Problem> {
    let paths = paths.into_vec().into_iter().enumerate();
    Problem::collect(paths.map(|(index, path)| {
        context.reads(&path, "path").map_err(|problem| problem.about(&["path", &index.to_string()]))
    }))
}

/// Says that files are read; with those beside them, if they are followed or read from where they were left.
pub(crate) fn reads(access: &mut Access, paths: &[PathBuf], follow: bool, position: Option<&Path>) {
    access.reads_all(paths, follow || position.is_some());
    position.into_iter().for_each(|path| access.replaces(path));
}

/// Files that are read, and how.
pub(crate) struct FileInput {
    pub(crate) path: OneOrMore<PathBuf>,
    pub(crate) follow: bool,
    pub(crate) from: ReadFrom,
    pub(crate) position: Option<PathBuf>,
}

impl FileInput {
    /// The source that reads them, with the policy of the node at hand.
    pub(crate) fn files(self, context: &mut BuildContext) -> Result<source::Files, Problem> {
        let Self { path, follow, from, position } = self;
        if from == ReadFrom::End && !follow && position.is_none() {
            let problem = Problem::at("from", "there is nothing to read at the ends of the files");
            return Err(problem.help("add follow, or position for a later run"));
        }
        let paths = path.into_vec().into_iter().enumerate();
        let paths = Problem::collect(paths.map(|(index, path)| {
            let found = found(&path, follow, context);
            found.map_err(|problem| problem.about(&["path", &index.to_string()]))
        }))?;
        let mut files = source::files(Vec::<PathBuf>::new());
        for path in paths {
            files = match path {
                Found::Pattern(pattern) => files.matching(pattern),
                Found::File(path) => files.and(path),
            };
        }
        if let Some(position) = position {
            files = files.position(keeps_position(&position, context)?);
        }
        Ok(files.follow(follow).from_end(from == ReadFrom::End).on_fault(&context.guard.policy))
    }
}

/// What a path stands for.
enum Found {
    Pattern(Pattern),
    File(PathBuf),
}

fn found(path: &Path, follow: bool, context: &mut BuildContext) -> Result<Found, Problem> {
    Ok(match context.reads_matching(path, follow, "path")? {
        Some(pattern) => Found::Pattern(pattern),
        None if follow => Found::File(context.follows(path, "path")?),
        None => Found::File(context.reads(path, "path")?),
    })
}

/// A file that keeps positions, which must be one if it is there.
pub(crate) fn keeps_position(path: &Path, context: &mut BuildContext) -> Result<PathBuf, Problem> {
    let path = context.replaces(path, "position")?;
    Positions::blocking_load(&path).map_err(|error| Problem::at("position", told(&error)))?;
    Ok(path)
}

/// An error with its cause.
fn told(error: &Error) -> String {
    use std::error::Error as _;
    error.source().map_or(error.to_string(), |cause| format!("{error}: {cause}"))
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
    input: RowInput,
    layout: Layout,
    context: &mut BuildContext,
) -> Result<(Feeding, Contents), Problem> {
    let RowInput { path, follow, from, position } = input;
    let feeding = match path {
        Some(path) => {
            let input = FileInput { path, follow, from, position };
            Feeding::resumable(input.files(context)?.layout(layout))
        }
        None if follow || position.is_some() || from == ReadFrom::End => {
            let key = if follow {
                "follow"
            } else if position.is_some() {
                "position"
            } else {
                "from"
            };
            return Err(Problem::at(key, "stdin is read, and not a file").help("name the file's path"));
        }
        None => {
            context.take_stdin()?;
            Feeding::of(Reading::new(StandardInput, layout).on_fault(&context.guard.policy))
        }
    };
    Ok((feeding, Contents::JSON))
}

/// Files that are read, or stdin, and how.
pub(crate) struct RowInput {
    pub(crate) path: Option<OneOrMore<PathBuf>>,
    pub(crate) follow: bool,
    pub(crate) from: ReadFrom,
    pub(crate) position: Option<PathBuf>,
}

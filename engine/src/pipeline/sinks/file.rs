//! Lines to files.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::separator;
use crate::nodes::{Access, BuildContext, Flow, Number, Problem, SinkNode, Size, Time};
use crate::sinks;

/// So many older files are renamed at each rotation at most.
const MOST_KEPT: u64 = 10_000;

/// Lines to a file, or to several one after another.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct File {
    /// The file. It is emptied when the run begins.
    path: PathBuf,
    /// What the file has stays, and records come behind it; a last one that is not ended is ended.
    #[serde(default)]
    append: bool,
    /// A NUL byte behind each record, not a newline.
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

impl SinkNode for File {
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
        let files = sinks::files(context.writes(&path, append, rotates)?).append(append).gzip(gzip);
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

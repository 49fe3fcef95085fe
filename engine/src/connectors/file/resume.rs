//! Goes on with files where an earlier run was.

use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::source::{Files, size};
use crate::error::GraphError;
use crate::graph::ResumableFeed;
use crate::progress::{InputState, Position};
use crate::record::Record;
use crate::{Error, files, text};

/// The beginning of a file.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct FilePosition {
    /// Its place among all.
    place: usize,
    file: InputState,
}

impl FilePosition {
    pub(super) fn begin(place: usize, path: &Path) -> Self {
        Self { place, file: state(path) }
    }
}

impl Files {
    /// The place of the file that is read first.
    pub(super) fn first_file(&self) -> Result<usize, Error> {
        let Some(FilePosition { place, file }) = &self.from else { return Ok(0) };
        let path = text::path(&file.path);
        let reason = match self.paths.get(*place) {
            Some(now) if *now != file.path => format!("that run read {path}, not {}", text::path(now)),
            Some(now) if state(now) != *file => format!("{path} has changed since"),
            Some(_) => return Ok(*place),
            None => format!("that run read {path}, which this one does not"),
        };
        Err(Error::Graph(GraphError::NotRestored { node: "files".to_owned(), reason }))
    }
}

impl<T: Record> ResumableFeed<T> for Files {
    fn resume(&mut self, position: &Position) -> Result<(), String> {
        self.from = Some(position.read()?);
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        if self.follow {
            return Err("it follows a file, which may have changed when it is read again".to_owned());
        }
        if self.from_end || self.position.is_some() {
            return Err("it keeps a position of its own: remove `position` and `from_end`".to_owned());
        }
        // What is no file can be read only once.
        match self.paths.iter().find(|path| size(path).is_none() && files::known(path).is_ok()) {
            Some(path) => Err(format!("{} is not a file", text::path(path))),
            None => Ok(()),
        }
    }
}

/// A file as it is now.
fn state(path: &Path) -> InputState {
    let known = files::known(path).ok();
    let modified = known.as_ref().and_then(|known| known.modified().ok()?.duration_since(UNIX_EPOCH).ok());
    let modified = modified.and_then(|time| u64::try_from(time.as_nanos()).ok()).unwrap_or_default();
    let size = known.map_or(0, |known| known.len());
    InputState { path: path.to_owned(), size, modified, first: None }
}

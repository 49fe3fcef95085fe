//! What earlier runs have read of a folder.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::arrivals::Arrivals;
use crate::connectors::file::Generation;
use crate::connectors::support::positions::{FilePosition, Positions, Tracker};
use crate::files::Folder;
use crate::record::Record;
use crate::{Error, Source, threads};

/// What earlier runs have read, and what this one reads.
pub(super) struct Memory {
    /// None if no run has begun before.
    known: Option<Positions>,
    tracker: Option<Arc<Tracker>>,
}

/// A folder, and the path at which it was found.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) path: &'a Path,
    pub(super) folder: &'a Folder,
}

impl Place<'_> {
    /// As positions name a file.
    fn path_of(self, name: &OsString) -> PathBuf {
        let path = self.path.join(name);
        std::path::absolute(&path).unwrap_or(path)
    }
}

impl Memory {
    /// Loads what the file `position` has, and saves there what is read from now on, if there is one.
    pub(super) async fn load<T: Record>(
        position: Option<PathBuf>,
        source: &Source<T>,
    ) -> Result<Self, Error> {
        let Some(path) = position else { return Ok(Self { known: None, tracker: None }) };
        let tracker = Arc::new(Tracker::new(path.clone(), source.last_number()));
        let known = threads::unblocked("engine-position", move || Positions::blocking_load(&path)).await??;
        tracker.save_for(source, "folder")?;
        Ok(Self { known, tracker: Some(tracker) })
    }

    pub(super) fn tracker(&self) -> Option<&Tracker> {
        self.tracker.as_deref()
    }

    /// Leaves out what earlier runs have read; in the first run all files, if it begins at the end. Returns how far the
    /// other files were read.
    pub(super) fn begin(
        &self,
        place: Place,
        arrivals: &Arrivals,
        from_end: bool,
        last: u64,
    ) -> io::Result<HashMap<OsString, FilePosition>> {
        let mut begun = HashMap::new();
        let leave_out = self.known.is_none() && from_end;
        let known = self.known.iter().flat_map(|known| &known.files).map(|known| (&known.path, known));
        let known: HashMap<_, _> = known.collect();
        for name in arrivals.waiting() {
            if leave_out {
                self.leave_out(place, &name, last)?;
                arrivals.was_read(&name);
                continue;
            }
            let Some(position) = known.get(&place.path_of(&name)) else { continue };
            if !is_same(place, &name, position)? {
                continue;
            }
            self.note(last, position);
            if position.done {
                arrivals.was_read(&name);
            } else {
                begun.insert(name, (*position).clone());
            }
        }
        self.tracker.iter().for_each(|tracker| tracker.begin());
        Ok(begun)
    }

    /// Notes that a file counts as read.
    fn leave_out(&self, place: Place, name: &OsString, last: u64) -> io::Result<()> {
        if self.tracker.is_none() {
            return Ok(());
        }
        let Some(file) = place.folder.file(name)? else { return Ok(()) };
        let mut generation = Generation::of(file)?;
        generation.skip_all()?;
        let position = generation.position(&place.path.join(name));
        self.note(last, &FilePosition { done: true, ..position });
        Ok(())
    }

    fn note(&self, last: u64, position: &FilePosition) {
        self.tracker.iter().for_each(|tracker| tracker.note(last, position.clone()));
    }

    /// Forgets files that are not there any more.
    pub(super) fn forget(&self, gone: impl Iterator<Item = PathBuf>, last: u64) {
        if let Some(tracker) = &self.tracker {
            let gone = gone.map(|path| std::path::absolute(&path).unwrap_or(path));
            gone.for_each(|path| tracker.forget(last, path));
        }
    }
}

/// Whether a file is the one that was read up to a position. An empty file is not: what is in it later was not read.
fn is_same(place: Place, name: &OsString, position: &FilePosition) -> io::Result<bool> {
    let Some(file) = place.folder.file(name)? else { return Ok(false) };
    Ok((position.read > 0 || !position.done) && Generation::resumed(file, position)?.is_some())
}

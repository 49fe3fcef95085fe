//! The files that stand at one path, one after another.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::generation::{Found, Generation};
use super::siblings::{self, Sibling};
use super::tail::Tail;
use super::tails::Shared;
use crate::connectors::support::formats::rows::{Origin, Stopped};
use crate::connectors::support::positions::{FilePosition, id_of};
use crate::files;

/// How long a file is read after another one has taken its place: programs may still write to it.
const GRACE: Duration = Duration::from_secs(5);

/// What stands at a path, and what stood there before.
pub(super) struct Input {
    pub(super) path: Arc<Path>,
    current: Option<Tail>,
    /// Files that have other names now, and are read to their ends.
    before: Vec<Tail>,
    /// When another file was first seen in the place of the current one, or none at all.
    replaced: Option<Instant>,
    /// It may be forgotten when there is no file any more.
    pub(super) is_found_by_pattern: bool,
    /// There is no file any more.
    pub(super) is_gone: bool,
}

impl Input {
    pub(super) fn new(path: PathBuf, is_found_by_pattern: bool) -> Self {
        let (current, before, replaced) = (None, Vec::new(), None);
        Self { path: path.into(), current, before, replaced, is_found_by_pattern, is_gone: false }
    }

    /// Goes on where an earlier run stopped. Does nothing if that read no file at this path.
    pub(super) fn resume(
        &mut self,
        mut known: Vec<FilePosition>,
        shared: &mut Shared,
    ) -> Result<(), Stopped> {
        shared.pieces.origin = Origin::of(&self.path);
        known.sort_by_key(|position| position.modified);
        let Some(since) = known.iter().map(|position| position.modified).max() else { return Ok(()) };
        for position in &known {
            if position.done {
                shared.pieces.note(position.clone())?;
                shared.see(position.clone());
                continue;
            }
            let (generation, is_current) = match self.at_path(position, true) {
                Some(generation) => (Some(generation), true),
                None => match siblings::find(position, false).ok().flatten() {
                    Some(generation) => (Some(generation), false),
                    // The numbers of all files change if a file system is mounted elsewhere.
                    None => match self.at_path(position, false) {
                        Some(generation) => (Some(generation), true),
                        None => (siblings::find(position, true).ok().flatten(), false),
                    },
                },
            };
            let Some(generation) = generation else { continue };
            if generation.id.is_some_and(|id| shared.open.contains(&id)) {
                continue;
            }
            let tail = self.open(generation, Some(position), shared)?;
            if is_current {
                self.current = Some(tail);
            } else {
                self.retire(tail, shared.follow.then(Instant::now));
            }
        }
        let until = shared.follow.then(Instant::now);
        self.read_since(since, until, shared)
    }

    /// The file at the path, if it is the one that was read up to a position; with the same number, if that is needed.
    fn at_path(&self, position: &FilePosition, same_id: bool) -> Option<Generation> {
        let file = files::open_file(&self.path).ok().filter(|_| self.current.is_none())?;
        let is_same = position.has_id_of(&file.metadata().ok()?);
        if same_id && !is_same || !same_id && position.read == 0 {
            return None;
        }
        Generation::resumed(file, position).ok().flatten()
    }

    /// Begins at the end of the file that is there, if one is.
    pub(super) fn begin_at_end(&mut self, shared: &mut Shared) -> Result<(), Stopped> {
        shared.pieces.origin = Origin::of(&self.path);
        let mut generation = match Generation::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened.map_err(Stopped::Failed)?,
        };
        generation.go_to_end(shared.layout.separator()).map_err(Stopped::Failed)?;
        let position = generation.position(&self.path);
        let position = FilePosition { partly: position.read > 0, ..position };
        self.current = Some(self.open(generation, Some(&position), shared)?);
        Ok(())
    }

    /// Reads what there is. Returns whether something has changed.
    pub(super) fn advance(&mut self, shared: &mut Shared) -> Result<bool, Stopped> {
        let mut moved = false;
        for mut tail in std::mem::take(&mut self.before) {
            let (has_moved, ended) = tail.read_on(shared)?;
            moved |= has_moved;
            let is_over =
                tail.generation.is_compressed() || tail.until.is_none_or(|until| until <= Instant::now());
            if ended == Some(Found::Rewritten) || ended == Some(Found::End) && is_over {
                tail.end(true, &mut shared.pieces)?;
                shared.close(&tail);
                moved = true;
            } else {
                self.before.push(tail);
            }
        }
        let Some(current) = &mut self.current else { return Ok(self.look(shared)? || moved) };
        let (has_moved, ended) = current.read_on(shared)?;
        match ended {
            None => Ok(true),
            Some(Found::Rewritten) => {
                self.rewritten(shared)?;
                Ok(true)
            }
            Some(_) => {
                if current.generation.is_compressed() && current.is_within_row() {
                    current.end(false, &mut shared.pieces)?;
                }
                Ok(self.look(shared)? || moved || has_moved)
            }
        }
    }

    /// The input has ended: so does a last record without its end.
    pub(super) fn end(&mut self, shared: &mut Shared) -> Result<(), Stopped> {
        self.current.as_mut().map_or(Ok(()), |current| current.end(false, &mut shared.pieces))
    }

    /// Looks whether another file stands at the path. Returns whether something has changed.
    fn look(&mut self, shared: &mut Shared) -> Result<bool, Stopped> {
        shared.pieces.origin = Origin::of(&self.path);
        let known = match files::known(&self.path) {
            Ok(known) => known,
            Err(error)
                if error.kind() == io::ErrorKind::NotFound && (shared.follow || self.is_found_by_pattern) =>
            {
                return self.miss(shared);
            }
            Err(error) => return Err(Stopped::Failed(error)),
        };
        let id = id_of(&known);
        match &self.current {
            Some(current) if current.generation.id == id => {
                self.replaced = None;
                return Ok(false);
            }
            // It is read where it stood before.
            _ if id.is_some_and(|id| shared.open.contains(&id)) => return Ok(false),
            Some(current) if shared.follow && current.is_within_row() => {
                let since = *self.replaced.get_or_insert_with(Instant::now);
                if since.elapsed() < GRACE {
                    return Ok(false);
                }
            }
            _ => {}
        }
        self.replace(shared)
    }

    /// There is no file at the path. Perhaps the one that takes the current one's place does not exist yet.
    fn miss(&mut self, shared: &mut Shared) -> Result<bool, Stopped> {
        if !self.is_found_by_pattern || !self.before.is_empty() {
            return Ok(false);
        }
        let since = *self.replaced.get_or_insert_with(Instant::now);
        if shared.follow && since.elapsed() < GRACE {
            return Ok(false);
        }
        if let Some(mut current) = self.current.take() {
            current.end(true, &mut shared.pieces)?;
            shared.close(&current);
        }
        self.is_gone = true;
        let path = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.to_path_buf());
        shared.pieces.forget(path)?;
        Ok(true)
    }

    /// Another file stands at the path.
    fn replace(&mut self, shared: &mut Shared) -> Result<bool, Stopped> {
        let file = match files::open_file(&self.path) {
            // It was replaced again.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            opened => opened.map_err(Stopped::Failed)?,
        };
        let (seen, generation) = shared.recognize(file).map_err(Stopped::Failed)?;
        let since = self.replaced.take().unwrap_or_else(Instant::now);
        let old = self.current.take();
        let tail = self.open(generation, seen.as_ref(), shared)?;
        self.current = Some(tail);
        if let Some(old) = old {
            let modified = old.position().modified;
            let until = shared.follow.then_some(since);
            self.retire(old, until);
            self.read_since(modified, until, shared)?;
        }
        Ok(true)
    }

    /// The current file was cut, or written anew.
    fn rewritten(&mut self, shared: &mut Shared) -> Result<(), Stopped> {
        let Some(mut old) = self.current.take() else { return Ok(()) };
        let position = old.generation.position(&self.path);
        // It may have been copied before: the rest of it is there.
        let copy = siblings::find(&position, true).ok().flatten();
        let copy = copy.filter(|copy| copy.id.is_none_or(|id| !shared.open.contains(&id)));
        let generation = match copy {
            Some(copy) => {
                shared.open.extend(copy.id);
                let generation = std::mem::replace(&mut old.generation, copy);
                old.note(false, &mut shared.pieces)?;
                self.retire(old, None);
                generation
            }
            None => {
                old.end(false, &mut shared.pieces)?;
                old.generation
            }
        };
        shared.open.retain(|id| generation.id != Some(*id));
        if let Some(generation) = generation.again().map_err(Stopped::Failed)? {
            let tail = self.open(generation, None, shared)?;
            self.current = Some(tail);
        }
        let until = shared.follow.then(Instant::now);
        self.read_since(position.modified, until, shared)
    }

    /// Begins to read a file, from its start or from a position on.
    fn open(
        &self,
        generation: Generation,
        position: Option<&FilePosition>,
        shared: &mut Shared,
    ) -> Result<Tail, Stopped> {
        shared.open.extend(generation.id);
        let mut tail = Tail::new(self.path.clone(), generation, shared.layout.rows(), position);
        tail.begin(position.map_or(0, |position| position.lines), &mut shared.pieces)?;
        Ok(tail)
    }

    /// Reads a file to its end, and what is written to it for a while after the time `since`, if one is given.
    fn retire(&mut self, mut tail: Tail, since: Option<Instant>) {
        tail.until = since.map(|since| since + GRACE);
        self.before.push(tail);
    }

    /// Reads files that stood at the path since a time and were not read.
    fn read_since(
        &mut self,
        modified: u64,
        until: Option<Instant>,
        shared: &mut Shared,
    ) -> Result<(), Stopped> {
        let positions: Vec<_> = self.before.iter().chain(&self.current).map(Tail::position).collect();
        let at_path = files::known(&self.path).ok().and_then(|known| id_of(&known));
        let known = |sibling: &Sibling| {
            sibling.id.is_some_and(|id| shared.open.contains(&id) || at_path == Some(id))
                || shared.seen.iter().chain(&positions).any(|position| sibling.was_read(position))
        };
        let missed = siblings::since(&self.path, modified, known).unwrap_or_default();
        for generation in missed {
            let tail = self.open(generation, None, shared)?;
            self.retire(tail, until);
        }
        Ok(())
    }
}

//! The files that stand at one path, one after another.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::generation::{Found, Generation};
use super::siblings;
use super::tail::Tail;
use super::tails::Shared;
use crate::connectors::support::formats::rows::{Origin, Stopped};
use crate::connectors::support::positions::{FileId, FilePosition, id_of};
use crate::files;

/// How long a file is read after another one has taken its place: programs may still write to it.
const GRACE: Duration = Duration::from_secs(5);

/// What stands at a path, and what stood there before.
pub(super) struct Input {
    pub(super) path: Arc<Path>,
    pub(super) current: Option<Tail>,
    /// Files that have other names now, and are read to their ends.
    pub(super) before: Vec<Tail>,
    /// Files that have other names now, and were changed since then, may not have been read.
    pub(super) missed_since: Option<u64>,
    /// Such files that are compressed and were read, as they were last seen.
    pub(super) recognized: HashSet<(Option<FileId>, u64)>,
    /// When another file was first seen in the place of the current one, or none at all.
    replaced: Option<Instant>,
    /// It may be forgotten when there is no file any more.
    pub(super) is_found_by_pattern: bool,
    /// There is no file any more.
    pub(super) is_gone: bool,
}

impl Input {
    pub(super) fn new(path: PathBuf, is_found_by_pattern: bool) -> Self {
        Self {
            path: path.into(),
            current: None,
            before: Vec::new(),
            missed_since: None,
            recognized: HashSet::new(),
            replaced: None,
            is_found_by_pattern,
            is_gone: false,
        }
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
            let (generation, is_current) = match self.at_path(position, true)? {
                Some(generation) => (Some(generation), true),
                None => match siblings::find(position).map_err(|it| shared.fail(it))? {
                    Some(generation) => (Some(generation), false),
                    // The numbers of all files change if a file system is mounted elsewhere.
                    None => match self.at_path(position, false)? {
                        Some(generation) => (Some(generation), true),
                        None => (siblings::find_copy(position).map_err(|it| shared.fail(it))?, false),
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
        self.read_missed(since, shared)?;
        Ok(())
    }

    /// The file at the path, if it is the one that was read up to a position; with the same number, if that is needed.
    fn at_path(&self, position: &FilePosition, same_id: bool) -> Result<Option<Generation>, Stopped> {
        if self.current.is_some() {
            return Ok(None);
        }
        let file = match files::open_file(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(Stopped::Failed)?,
        };
        let is_same = position.has_id_of(&file.metadata().map_err(Stopped::Failed)?);
        if same_id && !is_same || !same_id && position.read == 0 {
            return Ok(None);
        }
        Generation::resumed(file, position).map_err(Stopped::Failed)
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
        let mut moved = self.advance_before(shared)?;
        let Some(current) = &mut self.current else { return Ok(self.look(shared)? || moved) };
        let (has_moved, ended) = current.read_on(shared)?;
        // From here on it is seen whether the file is cut. Before, it may have been copied and cut.
        if current.generation.read > 0 {
            moved |= self.read_those_missed(shared)?;
        }
        match ended {
            None => Ok(true),
            Some(Found::Rewritten) => {
                if let Some(old) = self.current.take() {
                    self.current = self.rewritten(old, shared)?;
                    self.begin_current(0, shared)?;
                }
                Ok(true)
            }
            Some(_) => {
                if let Some(current) = &mut self.current
                    && current.generation.is_compressed()
                    && current.is_within_row()
                {
                    current.end(false, &mut shared.pieces)?;
                }
                Ok(self.look(shared)? || moved || has_moved)
            }
        }
    }

    /// Reads what there is in files that have other names now. Returns whether something has changed.
    fn advance_before(&mut self, shared: &mut Shared) -> Result<bool, Stopped> {
        let (mut moved, mut place) = (false, 0);
        while let Some(tail) = self.before.get_mut(place) {
            let (has_moved, ended) = tail.read_on(shared)?;
            moved |= has_moved;
            let is_over =
                tail.generation.is_compressed() || tail.until.is_none_or(|until| until <= Instant::now());
            let is_written_anew = ended == Some(Found::Rewritten) && tail.until.is_some();
            if is_written_anew {
                let old = self.before.remove(place);
                let until = old.until;
                if let Some(mut tail) = self.rewritten(old, shared)? {
                    tail.until = until;
                    tail.begin(0, &mut shared.pieces)?;
                    self.before.insert(place, tail);
                }
                self.read_those_missed(shared)?;
                moved = true;
            } else if ended == Some(Found::Rewritten) || ended == Some(Found::End) && is_over {
                let mut tail = self.before.remove(place);
                tail.end(true, &mut shared.pieces)?;
                shared.close(&tail);
                moved = true;
            } else {
                place += 1;
            }
        }
        Ok(moved)
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
        let since = self.missed_since.or(self.current.as_ref().map(|current| current.generation.modified));
        if let Some(since) = since
            && self.read_missed(since, shared)?
        {
            return Ok(true);
        }
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
        let lines = seen.as_ref().map_or(0, |seen| seen.lines);
        let tail = self.tail(generation, seen.as_ref(), shared);
        if let Some(old) = self.current.replace(tail) {
            self.miss_since(&old);
            self.retire(old, shared.follow.then_some(since));
        }
        self.begin_current(lines, shared)?;
        Ok(true)
    }

    /// Begins to read the file at the path, after this many of its lines.
    fn begin_current(&mut self, lines: u64, shared: &mut Shared) -> Result<(), Stopped> {
        // The positions of older files are noted first: a later run looks for files after the newest that it knows.
        self.read_those_missed(shared)?;
        self.current.as_mut().map_or(Ok(()), |current| current.begin(lines, &mut shared.pieces))
    }

    /// Begins anew with a file that was cut, or written anew. None if it is not read again.
    fn rewritten(&mut self, mut old: Tail, shared: &mut Shared) -> Result<Option<Tail>, Stopped> {
        self.miss_since(&old);
        // It may have been copied before: the rest of it is there.
        let copy = siblings::find_copy(&old.generation.position(&self.path)).map_err(|it| shared.fail(it))?;
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
        let again = generation.again().map_err(Stopped::Failed)?;
        Ok(again.map(|generation| self.tail(generation, None, shared)))
    }

    /// Begins to read a file, from its start or from a position on.
    pub(super) fn open(
        &self,
        generation: Generation,
        position: Option<&FilePosition>,
        shared: &mut Shared,
    ) -> Result<Tail, Stopped> {
        let mut tail = self.tail(generation, position, shared);
        tail.begin(position.map_or(0, |position| position.lines), &mut shared.pieces)?;
        Ok(tail)
    }

    fn tail(&self, generation: Generation, position: Option<&FilePosition>, shared: &mut Shared) -> Tail {
        shared.open.extend(generation.id);
        Tail::new(self.path.clone(), generation, shared.layout.rows(), position)
    }

    /// Reads a file to its end, and what is written to it for a while after the time `since`, if one is given.
    pub(super) fn retire(&mut self, mut tail: Tail, since: Option<Instant>) {
        tail.until = since.map(|since| since + GRACE);
        self.before.push(tail);
    }
}

//! Finds files that stood at a path, have other names now, and were not read.

use std::collections::HashSet;
use std::time::Instant;

use super::generation::Generation;
use super::input::Input;
use super::siblings::{self, Sibling};
use super::tail::Tail;
use super::tails::Shared;
use crate::connectors::support::formats::rows::Stopped;
use crate::connectors::support::positions::{FileId, FilePosition, id_of};
use crate::files;

impl Input {
    /// Other files may have stood at the path since this one was last read.
    pub(super) fn miss_since(&mut self, old: &Tail) {
        let modified = old.generation.modified;
        self.missed_since = Some(self.missed_since.map_or(modified, |since| since.min(modified)));
    }

    /// Reads files that stood at the path and were missed, if there may be some. Returns whether there are.
    pub(super) fn read_those_missed(&mut self, shared: &mut Shared) -> Result<bool, Stopped> {
        self.missed_since.map_or(Ok(false), |since| self.read_missed(since, shared))
    }

    /// Reads files that stood at the path since a time and were not read. Returns whether there are some.
    pub(super) fn read_missed(&mut self, since: u64, shared: &mut Shared) -> Result<bool, Stopped> {
        let known = KnownFiles::new(self, shared);
        let mut recognized = HashSet::new();
        let missed = siblings::since(&self.path, since, |sibling| {
            let was_recognized = self.recognized.contains(&sibling.state());
            if !was_recognized && self.is_being_copied_to(sibling, shared.follow) {
                // It is looked for when the current file is cut.
                return true;
            }
            let is_known = was_recognized || known.has(sibling);
            if is_known && sibling.is_compressed {
                // Another look would decompress it again.
                recognized.insert(sibling.state());
            }
            is_known
        });
        self.recognized = recognized;
        let missed = missed.map_err(|unreadable| shared.fail(unreadable))?;
        let (has_missed, until) = (!missed.is_empty(), shared.follow.then(Instant::now));
        for (path, generation) in missed {
            let mut tail = self.open(generation, None, shared)?;
            tail.found_at = path.into();
            self.retire(tail, until);
        }
        let is_read = self.current.as_ref().is_some_and(|current| current.generation.read > 0);
        self.missed_since = Some(since).filter(|_| !is_read);
        Ok(has_missed)
    }

    /// Whether a file is copied from the current one.
    fn is_being_copied_to(&self, sibling: &Sibling, follow: bool) -> bool {
        let is_copied =
            |current: &Tail| sibling.is_copied_from(&current.generation, &current.position(), follow);
        self.current.as_ref().is_some_and(is_copied)
    }
}

/// What was read, or will be.
struct KnownFiles<'a> {
    at_path: Option<FileId>,
    open: &'a [FileId],
    seen: &'a [FilePosition],
    positions: Vec<FilePosition>,
    /// Files that have other names now.
    renamed: Vec<&'a Generation>,
}

impl<'a> KnownFiles<'a> {
    fn new(input: &'a Input, shared: &'a Shared) -> Self {
        let at_path = files::known(&input.path).ok().and_then(|known| id_of(&known));
        let tails = || input.before.iter().chain(&input.current);
        let renamed = tails().map(|tail| &tail.generation).filter(|generation| generation.id != at_path);
        Self {
            at_path,
            open: &shared.open,
            seen: &shared.seen,
            positions: tails().map(Tail::position).collect(),
            renamed: renamed.collect(),
        }
    }

    fn has(&self, sibling: &Sibling) -> bool {
        sibling.id.is_some_and(|id| self.open.contains(&id) || self.at_path == Some(id))
            || self.seen.iter().chain(&self.positions).any(|position| sibling.was_read(position))
            || self.renamed.iter().any(|generation| sibling.is_compressed_from(generation))
    }
}

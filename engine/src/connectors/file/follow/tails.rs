//! Reads several files at once, in a thread, as far as each of them is written.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::generation::Generation;
use super::input::Input;
use super::siblings::Unreadable;
use super::tail::Tail;
use super::wake::Changes;
use crate::connectors::support::formats::Layout;
use crate::connectors::support::formats::rows::{Origin, Pieces, Stopped};
use crate::connectors::support::positions::{FileId, FilePosition, Positions, id_of};
use crate::files::Pattern;
use crate::progress::GraphContext;

/// The most bytes that are read at once.
const BLOCK: usize = 256 << 10;

/// How many files that were read to their ends are remembered.
const MOST_SEEN: usize = 1024;

/// What is read, and how.
pub(crate) struct Tails {
    pub(crate) paths: Vec<PathBuf>,
    /// Files are looked for again each time.
    pub(crate) patterns: Vec<Pattern>,
    pub(crate) layout: Layout,
    /// Whether more is waited for at the ends of the files.
    pub(crate) follow: bool,
    /// Whether reading begins at the ends of the files that are there, if no positions are known.
    pub(crate) from_end: bool,
    /// How far an earlier run has read, if there was one.
    pub(crate) known: Option<Positions>,
    pub(crate) context: Arc<GraphContext>,
}

/// What all inputs share.
pub(super) struct Shared {
    pub(super) pieces: Pieces,
    pub(super) block: Vec<u8>,
    pub(super) context: Arc<GraphContext>,
    pub(super) layout: Layout,
    pub(super) follow: bool,
    /// Files that were read to their ends.
    pub(super) seen: Vec<FilePosition>,
    /// Files that are open.
    pub(super) open: Vec<FileId>,
}

impl Shared {
    /// Notes that a file was read to its end.
    pub(super) fn see(&mut self, position: FilePosition) {
        if self.seen.len() >= MOST_SEEN {
            self.seen.remove(0);
        }
        self.seen.push(position);
    }

    pub(super) fn close(&mut self, tail: &Tail) {
        self.open.retain(|id| tail.generation.id != Some(*id));
        self.see(tail.position());
    }

    /// A file can't be read.
    pub(super) fn fail(&mut self, Unreadable { path, error }: Unreadable) -> Stopped {
        self.pieces.origin = Origin::of(&path);
        Stopped::Failed(error)
    }

    /// Begins to read a file: where it was left, if it was read before under another name.
    pub(super) fn recognize(&mut self, file: File) -> io::Result<(Option<FilePosition>, Generation)> {
        let id = id_of(&file.metadata()?);
        for position in self.seen.iter().filter(|position| id.is_some() && position.id == id) {
            if let Some(generation) = Generation::resumed(file.try_clone()?, position)? {
                return Ok((Some(position.clone()), generation));
            }
        }
        Ok((None, Generation::of(file)?))
    }
}

impl Tails {
    /// Reads until nothing more is to come, or until the receiver of the pieces is gone.
    pub(crate) fn read(self, changes: &Changes, pieces: Pieces) {
        let Self { paths, patterns, layout, follow, from_end, known, context } = self;
        let (block, seen, open) = (vec![0; BLOCK], Vec::new(), Vec::new());
        let mut shared = Shared { pieces, block, context, layout, follow, seen, open };
        let mut reading = Reading { inputs: Vec::new(), patterns, changes };
        reading.inputs.extend(paths.into_iter().map(|path| Input::new(path, false)));
        if let Err(stopped) = reading.read(from_end, known.as_ref(), &mut shared) {
            shared.pieces.stop(stopped);
        }
    }
}

/// Reads a file that is complete, from its start or from a position on.
pub(crate) fn read_whole(
    path: &Path,
    (generation, position): (Generation, Option<&FilePosition>),
    layout: Layout,
    context: Arc<GraphContext>,
    pieces: Pieces,
) {
    let (block, seen, open) = (vec![0; BLOCK], Vec::new(), Vec::new());
    let mut shared = Shared { pieces, block, context, layout, follow: false, seen, open };
    let mut tail = Tail::new(path.into(), generation, shared.layout.rows(), position);
    let mut read = || {
        tail.begin(position.map_or(0, |position| position.lines), &mut shared.pieces)?;
        // A file that is written anew now was not complete.
        while tail.read_on(&mut shared)?.1.is_none() {}
        tail.end(true, &mut shared.pieces)
    };
    if let Err(stopped) = read() {
        shared.pieces.stop(stopped);
    }
}

struct Reading<'a> {
    inputs: Vec<Input>,
    patterns: Vec<Pattern>,
    changes: &'a Changes,
}

impl Reading<'_> {
    fn read(
        &mut self,
        from_end: bool,
        known: Option<&Positions>,
        shared: &mut Shared,
    ) -> Result<(), Stopped> {
        self.find_inputs()?;
        for input in &mut self.inputs {
            match known {
                Some(known) => {
                    let path = std::path::absolute(&input.path).unwrap_or_else(|_| input.path.to_path_buf());
                    let known = known.files.iter().filter(|position| position.path == path);
                    input.resume(known.cloned().collect(), shared)?;
                }
                None if from_end => input.begin_at_end(shared)?,
                None => {}
            }
        }
        shared.pieces.begun()?;
        while !self.changes.is_over() {
            let mut moved = self.find_inputs()?;
            for input in &mut self.inputs {
                moved |= input.advance(shared)?;
                if self.changes.is_over() {
                    return Ok(());
                }
            }
            self.inputs.retain(|input| !input.is_gone);
            match moved {
                true => {}
                false if shared.follow => self.changes.wait(),
                false => return self.inputs.iter_mut().try_for_each(|input| input.end(shared)),
            }
        }
        Ok(())
    }

    /// Adds the files that patterns find. Returns whether there are more now.
    fn find_inputs(&mut self) -> Result<bool, Stopped> {
        let before = self.inputs.len();
        for pattern in &self.patterns {
            let paths = pattern.find().map_err(Stopped::Failed)?;
            let known: BTreeSet<_> = self.inputs.iter().map(|input| input.path.clone()).collect();
            let new = paths.into_iter().filter(|path| !known.contains(path.as_path()));
            self.inputs.extend(new.map(|path| Input::new(path, true)));
        }
        Ok(self.inputs.len() > before)
    }
}

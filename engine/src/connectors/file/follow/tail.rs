//! Reads the records of one file, as far as it is written.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::generation::{Found, Generation};
use super::tails::Shared;
use crate::connectors::support::formats::rows::{Origin, Pieces, Rows, Stopped};
use crate::connectors::support::positions::FilePosition;
use crate::record::LONGEST;

/// The most blocks that are read of a file before others have their turn.
const BLOCKS: usize = 256;

/// A file, and how its bytes become records.
pub(super) struct Tail {
    pub(super) generation: Generation,
    rows: Box<dyn Rows>,
    path: Arc<Path>,
    /// The name that errors have: it may have been found under another one.
    pub(super) found_at: Arc<Path>,
    /// How many records are left out, since another run has emitted them.
    skip: u64,
    /// Lines are counted from where reading began.
    partly: bool,
    /// Another file has taken its place; until this time, more may be written to it.
    pub(super) until: Option<Instant>,
}

impl Tail {
    /// A file that is read from where its generation stands: from its start, or from this position on.
    pub(super) fn new(
        path: Arc<Path>,
        generation: Generation,
        rows: Box<dyn Rows>,
        position: Option<&FilePosition>,
    ) -> Self {
        let (skip, partly) = position.map_or((0, false), |position| (position.skip, position.partly));
        Self { generation, rows, found_at: path.clone(), path, skip, partly, until: None }
    }

    /// Makes its records part of `pieces` meanwhile.
    fn with<R>(&mut self, pieces: &mut Pieces, read: impl FnOnce(&mut dyn Rows, &mut Pieces) -> R) -> R {
        pieces.origin = Origin::of(&self.path).partly(self.partly);
        pieces.skip = self.skip;
        let result = read(&mut *self.rows, pieces);
        self.skip = std::mem::take(&mut pieces.skip);
        result
    }

    /// Reads the header, if reading begins after it, and notes where it begins.
    pub(super) fn begin(&mut self, lines: u64, pieces: &mut Pieces) -> Result<(), Stopped> {
        let (mut offset, start) = (0, self.generation.read);
        while offset < start && self.rows.wants_header() {
            let line = self.generation.line_at(offset, LONGEST).map_err(Stopped::Failed)?;
            if line.is_empty() {
                break;
            }
            offset += line.len() as u64;
            self.with(pieces, |rows, pieces| rows.read(&line, pieces))?;
        }
        self.rows.continue_after(lines);
        self.note(false, pieces)
    }

    /// Whether a row has begun and not ended.
    pub(super) fn is_within_row(&self) -> bool {
        self.rows.unfinished().bytes > 0
    }

    /// Where the next run would begin.
    pub(super) fn position(&self) -> FilePosition {
        let unfinished = self.rows.unfinished();
        let read = self.generation.position(&self.path);
        FilePosition {
            offset: read.read - unfinished.bytes,
            skip: self.skip + u64::from(unfinished.refused),
            lines: unfinished.lines,
            partly: self.partly,
            ..read
        }
    }

    pub(super) fn note(&self, done: bool, pieces: &mut Pieces) -> Result<(), Stopped> {
        pieces.note(FilePosition { done, ..self.position() })
    }

    /// Reads what there is, up to a limit. Returns whether there was something, and what it ended with: nothing, if there
    /// may be more.
    pub(super) fn read_on(&mut self, shared: &mut Shared) -> Result<(bool, Option<Found>), Stopped> {
        shared.pieces.origin = Origin::of(&self.path);
        let mut block = std::mem::take(&mut shared.block);
        let ended = self.read_blocks(&mut block, shared);
        shared.block = block;
        ended
    }

    fn read_blocks(
        &mut self,
        block: &mut [u8],
        shared: &mut Shared,
    ) -> Result<(bool, Option<Found>), Stopped> {
        // What is emitted next is of this file.
        let before = self.position();
        for turn in 0..BLOCKS {
            let count = match self.generation.read_on(block) {
                Ok(Found::Bytes(count)) => count,
                Ok(ended) => return Ok((turn > 0, Some(ended))),
                Err(error) => {
                    shared.pieces.origin = Origin::of(&self.found_at);
                    return Err(Stopped::Failed(error));
                }
            };
            shared.context.read_bytes(count as u64);
            if turn == 0 {
                // Even if only a part of these bytes is done, they tell a later run whether the file is the same.
                let read = self.generation.position(&self.path);
                let FilePosition { offset, skip, lines, partly, .. } = before;
                shared.pieces.note(FilePosition { offset, skip, lines, partly, ..read })?;
            }
            self.with(&mut shared.pieces, |rows, pieces| rows.read(&block[..count], pieces))?;
            self.note(false, &mut shared.pieces)?;
        }
        Ok((true, None))
    }

    /// Ends the last row. Nothing more is expected of the file if it is `done`.
    pub(super) fn end(&mut self, done: bool, pieces: &mut Pieces) -> Result<(), Stopped> {
        self.with(pieces, |rows, pieces| rows.read(&[], pieces))?;
        self.note(done, pieces)
    }
}

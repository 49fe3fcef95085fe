//! How a run begins with its files: all are opened before the first is changed.

use std::path::PathBuf;
use std::time::Duration;

use super::checkpointer::{Checkpointer, Durable};
use super::dead_letter_file::DeadLetterFile;
use super::file_conflicts::{FileConflicts, ReadBy, WrittenBy};
use super::marks::InputMarks;
use super::run::Run;
use crate::Error;

/// What a file is to the run.
#[derive(Clone, Copy)]
pub(super) enum Claim {
    Read(ReadBy),
    Write(WrittenBy),
}

impl Claim {
    /// Which claims count first: a later one is refused if they are of one file.
    fn rank(self) -> usize {
        match self {
            Self::Read(_) => 0,
            Self::Write(WrittenBy::Node | WrittenBy::Other) => 1,
            Self::Write(WrittenBy::DeadLetters) => 2,
            Self::Write(WrittenBy::Output) => 3,
            Self::Write(WrittenBy::Checkpoint) => 4,
        }
    }
}

/// How the run is saved, until it is.
pub(super) struct Saving {
    pub(super) path: PathBuf,
    pub(super) interval: Duration,
    pub(super) marks: InputMarks,
}

impl Run {
    /// Opens all files that are written, and only then begins to change them. [`run`](Self::run) does so too, after
    /// sources are [prepared](Self::prepare). Blocks while an output is a pipe without a reader, until `interrupted`
    /// returns true.
    ///
    /// # Errors
    ///
    /// If a file can't be opened, or is used otherwise too. Then all files are as they were.
    pub fn blocking_open(&mut self, interrupted: &dyn Fn() -> bool) -> Result<(), Error> {
        if std::mem::replace(&mut self.opened, true) {
            return Ok(());
        }
        self.check_claims()?;
        if let [only] = self.sources.as_slice() {
            self.positions.set_source(only.progress.clone());
        }
        let outputs = self.outputs.iter().map(|output| Ok((output, output.open(interrupted)?)));
        let outputs = outputs.collect::<Result<Vec<_>, Error>>()?;
        let start = self.start.as_ref();
        // Nodes that are saved cut their files back by themselves.
        let keeps = self.resumable.is_some();
        let letters = self.dead_letters.iter().map(|letters| Ok((letters, letters.open(start)?)));
        let letters = letters.collect::<Result<Vec<_>, Error>>()?;
        outputs.into_iter().try_for_each(|(output, file)| output.begin(file, keeps))?;
        letters.into_iter().try_for_each(|(letters, file)| letters.begin(file, start))?;
        for source in &self.sources {
            let letters = self.dead_letters.clone();
            let flush = move || letters.iter().try_for_each(DeadLetterFile::flush);
            source.context.on_flush(move || Box::pin(std::future::ready(flush())));
        }
        self.begin_checkpoints()
    }

    /// Checks that no file is used twice.
    fn check_claims(&self) -> Result<(), Error> {
        let mut conflicts = FileConflicts::default();
        let mut claims: Vec<_> = self.claims.iter().collect();
        claims.sort_by_key(|(claim, _)| claim.rank());
        for (claim, path) in claims {
            match *claim {
                Claim::Read(reader) => conflicts.read_by(reader, path)?,
                Claim::Write(writer) => conflicts.write_by(writer, path)?,
            }
        }
        Ok(())
    }

    fn begin_checkpoints(&mut self) -> Result<(), Error> {
        let Some(Saving { path, interval, marks }) = self.saving.take() else { return Ok(()) };
        let ([source], Some((output, output_file))) = (self.sources.as_slice(), self.output.clone()) else {
            return Ok(());
        };
        let durable = Durable { output, output_file, dead_letters: self.dead_letters.first().cloned() };
        self.checkpointer = Some(Checkpointer::begin(path, interval, marks, &source.progress, durable)?);
        Ok(())
    }
}

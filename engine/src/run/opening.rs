//! How a run begins with its files: all are opened before the first is changed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::checkpointer::{Checkpointer, Durable};
use super::dead_letter_file::DeadLetterFile;
use super::file_conflicts::{FileConflicts, ReadBy, WrittenBy};
use super::marks::InputMarks;
use super::output_file::Beginning;
use super::run::Run;
use crate::error::{ConnectorError, GraphError};
use crate::{Error, files, text};

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
    /// If a file or stdout can't be opened or written, or is used otherwise too. Then all files are as they were.
    pub fn blocking_open(&mut self, interrupted: &dyn Fn() -> bool) -> Result<(), Error> {
        if self.opened {
            return Ok(());
        }
        self.check_start()?;
        self.opened = true;
        self.check_claims()?;
        if self.stdout.is_some() {
            files::check_stdout().map_err(|error| {
                let (name, source) = ("stdout".to_owned(), Arc::new(error));
                Error::Connector(ConnectorError::Output { name, source })
            })?;
        }
        if let [only] = self.sources.as_slice() {
            self.positions.set_source(only.progress.clone());
        }
        let outputs = self.outputs.iter().map(|output| Ok((output, output.open(interrupted)?)));
        let outputs = outputs.collect::<Result<Vec<_>, Error>>()?;
        let (start, beginning) = (self.start.as_ref(), self.beginning());
        let letters = self.dead_letters.iter().map(|letters| Ok((letters, letters.open(start)?)));
        let letters = letters.collect::<Result<Vec<_>, Error>>()?;
        outputs.into_iter().try_for_each(|(output, file)| output.begin(file, beginning))?;
        letters.into_iter().try_for_each(|(letters, file)| letters.begin(file, start))?;
        for source in &self.sources {
            let letters = self.dead_letters.clone();
            let flush = move || letters.iter().try_for_each(DeadLetterFile::flush);
            source.context.on_flush(move || Box::pin(std::future::ready(flush())));
        }
        self.begin_checkpoints()
    }

    /// What the files begin with.
    fn beginning(&self) -> Beginning {
        let kept = match &self.resumable {
            // They are cut back later, with what else is in the checkpoint.
            Some((path, _)) if files::known(path).is_ok() => None,
            Some(_) => Some(0),
            None => Some(self.start.as_ref().map_or(0, |start| start.output.length)),
        };
        Beginning { kept, nodes_keep: self.resumable.is_some(), is_counted: self.saving.is_some() }
    }

    /// Checks that the checkpoint that the run begins with is of this run's source and files: it knows one of each.
    pub(super) fn check_start(&self) -> Result<(), Error> {
        let Some(start) = self.start.as_ref().filter(|_| !self.opened) else { return Ok(()) };
        let one = "this checkpoint holds only one: use `save_to`, which saves all";
        if let [_, second, ..] = self.sources.as_slice() {
            return Err(unsaved(format!("the source {}", second.name), one));
        }
        if let [_, (_, second), ..] = self.written.as_slice() {
            return Err(unsaved(format!("the output {}", text::path(second.path())), one));
        }
        if let [_, second, ..] = self.dead_letters.as_slice() {
            return Err(unsaved(format!("the file of dead letters {}", text::path(&second.path)), one));
        }
        if self.saving.is_some() && self.stdout.is_some() {
            return Err(unsaved("stdout".to_owned(), "it can't be cut back: write to a file"));
        }
        if self.saving.is_some() && self.written.is_empty() {
            return Err(unsaved("the run".to_owned(), "it has no output file: make one with `output`"));
        }
        let outputs = self.written.iter().map(|(_, file)| (&start.output, file.path()));
        let letters = start.letters.iter().zip(self.dead_letters.iter().map(|file| &*file.path));
        outputs.chain(letters).try_for_each(|(known, now)| check_path(&known.path, now))
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
        if self.stdout.is_some() && cfg!(unix) {
            // It may be one of these files.
            conflicts.write_stream(Path::new("/dev/stdout"))?;
        }
        Ok(())
    }

    fn begin_checkpoints(&mut self) -> Result<(), Error> {
        let Some(Saving { path, interval, marks }) = self.saving.take() else { return Ok(()) };
        let ([source], [(output, output_file)]) = (self.sources.as_slice(), self.written.as_slice()) else {
            return Err(Error::Closed);
        };
        {
            let known = &mut marks.lock().now.output.path;
            if known.as_os_str().is_empty() {
                *known = output_file.path().to_owned();
            }
        }
        let (output, output_file) = (output.clone(), output_file.clone());
        let durable = Durable { output, output_file, dead_letters: self.dead_letters.first().cloned() };
        self.checkpointer = Some(Checkpointer::begin(path, interval, marks, &source.progress, durable)?);
        Ok(())
    }
}

fn unsaved(node: String, reason: &str) -> Error {
    Error::Graph(GraphError::Unsaved { node, reason: reason.to_owned() })
}

/// Checks that a file has the name that a checkpoint knows, if it knows one.
fn check_path(known: &Path, now: &Path) -> Result<(), Error> {
    if known == now || known.as_os_str().is_empty() {
        return Ok(());
    }
    let reason = format!("that run wrote {}", text::path(known));
    Err(Error::Graph(GraphError::NotRestored { node: text::path(now).to_string(), reason }))
}

//! Feeds a run from its inputs, one after another.

use std::path::Path;

use engine::error::{FileError, InputError};
use engine::policy::Unit;
use engine::run::InputMarks;
use engine::sources::{self, Feed, Mark};
use engine::{CancellationToken, Error, FaultPolicy, Source};

use super::inputs::OpenInput;
use crate::plugins::Records;

/// The inputs of a run.
pub(super) struct Inputs {
    pub(super) inputs: Vec<OpenInput>,
    /// They are files of dead letters.
    pub(super) dead_letters: bool,
    pub(super) separator: u8,
    /// What becomes of lines that can't be read.
    pub(super) policy: FaultPolicy,
    /// Where it is noted how far they were read, if the run can be continued.
    pub(super) marks: Option<InputMarks>,
}

impl Feed<Records> for Inputs {
    async fn feed(self, source: &Source<Records>, stop: &CancellationToken) -> Result<(), Error> {
        for input in self.inputs {
            let OpenInput { index, name, reader, offset, skip, first } = input;
            let first = first.unwrap_or(source.last_number() + 1);
            source.reads(&name.display().to_string(), Unit::Line, first);
            let lines = match self.dead_letters {
                true => sources::dead_letters(reader),
                false => sources::lines(reader).separated_by(self.separator),
            };
            let mut lines = lines.skipping(skip).until(stop.clone().cancelled_owned());
            lines = lines.on_fault(&self.policy);
            if let Some(marks) = self.marks.clone() {
                marks.begin(index, first);
                lines = lines.marking(move |mark: Mark| marks.note(index, mark.record, offset + mark.offset));
            }
            let emitted = lines.emit_into(source).await;
            emitted.map_err(|error| naming(&name, error))?;
            if stop.is_cancelled() {
                break;
            }
        }
        Ok(())
    }
}

/// Adds the input to an error, unless it is stdin.
fn naming(input: &Path, error: Error) -> Error {
    match error {
        Error::Input(InputError::Read { source, .. }) if input != Path::new("-") => {
            Error::File(FileError::Read { path: input.to_owned(), source })
        }
        error => error,
    }
}

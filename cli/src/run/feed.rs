//! Feeds a run from its inputs, one after another.

use engine::policy::Unit;
use engine::run::InputMarks;
use engine::sources::{self, Feed, Mark};
use engine::{CancellationToken, Error, Source};

use super::inputs::OpenInput;
use crate::plugins::Records;

/// The inputs of a run.
pub(super) struct Inputs {
    pub(super) inputs: Vec<OpenInput>,
    /// They are files of dead letters.
    pub(super) dead_letters: bool,
    pub(super) separator: u8,
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
            if let Some(marks) = self.marks.clone() {
                marks.begin(index, first);
                lines = lines.marking(move |mark: Mark| marks.note(index, mark.record, offset + mark.offset));
            }
            lines.emit_into(source).await?;
            if stop.is_cancelled() {
                break;
            }
        }
        Ok(())
    }
}

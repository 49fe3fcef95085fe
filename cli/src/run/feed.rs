//! Emits what is in the inputs, until they or the run end.

use std::sync::Arc;

use engine::{Error, Source, sources};
use tokio::sync::SetOnce;

use super::RunCommand;
use super::inputs::OpenInput;
use super::messages::SOON;
use super::watching::Watching;
use crate::checkpointer::Checkpointer;
use crate::exit::{EndedBy, Ending};
use crate::faults::InputPositions;
use crate::plugins::Records;

impl RunCommand {
    /// Emits all inputs until the run has ended, or is ended by a signal or from a view.
    pub(super) async fn feed_watched(
        &self,
        source: &Source<Records>,
        inputs: Vec<OpenInput>,
        positions: &InputPositions,
        checkpointer: Option<&Checkpointer>,
        watching: &Watching<'_>,
    ) -> Result<Ending, Error> {
        let signal = async {
            let by = *watching.ending().wait().await;
            // Reading stops by itself.
            tokio::time::sleep(SOON).await;
            self.messages().tell_interrupted(by, source.progress().counts().unfinished);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ended = self.feed(source, inputs, positions, checkpointer, watching.ending()) => ended,
            () = signal => Ok(Ending::Done),
            () = watching.obey() => Ok(Ending::Stopped),
        }
    }

    /// Emits all inputs, and waits until every record has reached its end.
    async fn feed(
        &self,
        source: &Source<Records>,
        inputs: Vec<OpenInput>,
        positions: &InputPositions,
        checkpointer: Option<&Checkpointer>,
        ending: &Arc<SetOnce<EndedBy>>,
    ) -> Result<Ending, Error> {
        let unsaved = checkpointer.map(Checkpointer::failed).unwrap_or_default();
        let mut emitted = Ok(());
        for OpenInput { index, name, reader, offset, skip } in inputs {
            let first = positions.begin(&name, source.last_number() + 1);
            let (stop, failed) = (ending.clone(), unsaved.clone());
            let stop = async move {
                tokio::select! {
                    _ = stop.wait() => {}
                    _ = failed.wait() => {}
                }
            };
            let lines = if self.faults.dead_letters {
                sources::dead_letters(reader)
            } else {
                sources::lines(reader).separated_by(self.separator())
            };
            let mut lines = lines.skipping(skip).until(stop);
            if let Some(checkpointer) = checkpointer {
                lines = lines.marking(checkpointer.marks(index, offset, first));
            }
            emitted = lines.emit_into(source).await;
            if emitted.is_err() || ending.initialized() || unsaved.initialized() {
                break;
            }
        }
        source.close().await.and(emitted)?;
        if let Some(error) = unsaved.get() {
            return Err(error.clone());
        }
        let goes_on = checkpointer.is_some();
        Ok(ending.get().map_or(Ending::Done, |by| Ending::Interrupted { by: *by, goes_on }))
    }
}

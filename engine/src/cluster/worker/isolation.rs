//! Runs a task in a process of its own: what kills that kills nothing else, and is soon known.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitStatus;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::declined::Declined;
use super::isolated::{Head, OUTCOME, PRINT, READY};
use super::options::Isolation;
use super::segment::Segment;
use crate::Cause;
use crate::cluster::protocol::wire::{Outcome, Task};
use crate::deadlines::APART;
use crate::executor::{Ending, NumberedFailure, SegmentResult};
use crate::process::{Child, Program, Reader, Stdio};
use crate::record::{Batch, BatchBuilder};

/// A line that a function prints has no more bytes, with what may follow it.
const LONGEST_LINE: u32 = 32 << 10;

/// How far such a process came.
enum Said {
    Nothing,
    Ready,
    Outcome(Bytes),
}

/// What came of a process.
enum Ran {
    Done(Outcome),
    /// It ended so.
    Died(String),
}

impl Isolation {
    /// The program, as it is started.
    fn program(&self) -> Program {
        let arguments = self.arguments.iter().map(OsString::from);
        Program::new(std::iter::once(self.program.clone().into()).chain(arguments))
    }

    /// Runs a task in isolation. If the process dies its records are run in halves, until the one is alone that it
    /// dies of, which is a fault.
    ///
    /// `advance` is called before each process.
    pub(super) async fn run(
        &self,
        folder: &Path,
        segment: &Segment,
        task: &Task,
        advance: impl Fn(),
    ) -> Result<SegmentResult, Declined> {
        let mut outputs = BatchBuilder::default();
        let (mut failed, mut ending) = (Vec::new(), None);
        // In their order, the next one last.
        let mut left = vec![task.batch.clone()];
        while let Some(mut batch) = left.pop() {
            let task = Task { batch: batch.clone(), ..task.clone() };
            advance();
            match self.run_once(folder, segment, &task).await? {
                Ran::Done(Outcome { whole, used, .. }) => {
                    segment.note_used(&used);
                    outputs.append(&whole.output, 0..whole.output.len());
                    failed.extend(whole.failed);
                    ending = whole.ending;
                }
                Ran::Died(how) if batch.len() == 1 => {
                    let (record, cause) = (batch.number(0), Cause::KilledItsWorker { how: how.into() });
                    match segment.described.first().and_then(|stage| stage.stops_behind) {
                        Some(behind) if record > behind => {
                            ending = Some(Ending { stage: 0, record, cause });
                        }
                        _ => failed.push(NumberedFailure { stage: 0, record, cause, attempts: 1 }),
                    }
                }
                Ran::Died(_) => {
                    let rest = batch.split_off(batch.len() / 2);
                    left.extend([rest, batch]);
                }
            }
            if ending.is_some() {
                break;
            }
        }
        let output = if outputs.len() == 0 { Batch::empty() } else { outputs.build() };
        Ok(SegmentResult { output, failed, ending })
    }

    async fn run_once(&self, folder: &Path, segment: &Segment, task: &Task) -> Result<Ran, Declined> {
        let told = |error: &dyn std::fmt::Display| {
            Declined::from(format!("a process of its own can't be run: {error}"))
        };
        let _room = self.room.acquire().await;
        let head = Head { folder: folder.to_owned(), stages: segment.described.clone() };
        let head = serde_json::to_vec(&head).map_err(|error| told(&error))?;
        // A signal to the worker does not reach it: it has a process group of its own.
        let streams = [Stdio::Piped, Stdio::Piped, Stdio::Inherited];
        let mut child = Child::start(&self.program(), streams).map_err(|error| told(&error))?;
        let (mut stdin, mut stdout) = match (child.stdin.take(), child.stdout.take()) {
            (Some(stdin), Some(stdout)) => (stdin, stdout),
            _ => return Err(told(&"it has no pipes")),
        };
        let (batch, task) = (&task.batch, task.encode());
        let given = [&length_of(&head)[..], &head, &length_of(&task), &task].concat();
        let talk = async {
            let write = async {
                // One that dies meanwhile is known by how it ends.
                let _ = stdin.write_all(&given).await;
            };
            let (_, said) = tokio::join!(write, hear(&mut stdout, segment));
            // It was open until now: the process ends with whoever has the other end.
            drop(stdin);
            Ok::<_, Declined>((
                said.map_err(|error| told(&error))?,
                child.wait().await.map_err(|error| told(&error))?,
            ))
        };
        let records = u32::try_from(batch.len()).unwrap_or(u32::MAX);
        let deadline = APART.of(APART.time.saturating_add(segment.longest.saturating_mul(records)));
        let (said, status) = match deadline.within("a process of its own", talk).await {
            Ok(ended) => ended?,
            // It is killed: the records that it hangs at are found as those are that it dies of.
            Err(overdue) => return Ok(Ran::Died(overdue.to_string())),
        };
        match (said, status.success()) {
            (Said::Outcome(outcome), true) => {
                let outcome = Outcome::decode(&outcome).map_err(|error| told(&error))?;
                segment.check(&outcome.whole, batch).map_err(|wrong| told(&wrong))?;
                Ok(Ran::Done(outcome))
            }
            (Said::Ready, false) if !was_ended(status) => Ok(Ran::Died(status.to_string())),
            // It did not come so far as to run a record.
            _ => Err(told(&status)),
        }
    }
}

/// Whether a service or a session ended it, and no record did.
fn was_ended(status: ExitStatus) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;

        use rustix::process::Signal;

        let ends = [Signal::HUP, Signal::INT, Signal::TERM].map(Signal::as_raw);
        status.signal().is_some_and(|signal| ends.contains(&signal))
    }
    #[cfg(not(unix))]
    {
        let _ = status;
        false
    }
}

/// Reads what such a process says, to its end. What its functions print is passed on at once: it may be the last that
/// is heard of them.
async fn hear(stdout: &mut Reader, segment: &Segment) -> std::io::Result<Said> {
    let mut said = Said::Nothing;
    loop {
        match hear_one(stdout, segment).await {
            Ok(Some(more)) => said = more,
            Ok(None) => {}
            // That was all: it may have died halfway through what it said.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(said),
            Err(error) => return Err(error),
        }
    }
}

async fn hear_one(stdout: &mut Reader, segment: &Segment) -> std::io::Result<Option<Said>> {
    match stdout.read_u8().await? {
        READY => Ok(Some(Said::Ready)),
        PRINT => {
            let (stage, length) = (stdout.read_u32_le().await?, stdout.read_u32_le().await?);
            if length > LONGEST_LINE {
                return Err(ErrorKind::InvalidData.into());
            }
            let mut line = Vec::new();
            stdout.take(length.into()).read_to_end(&mut line).await?;
            segment.note_print(stage as usize, &line);
            Ok(None)
        }
        OUTCOME => {
            let (mut outcome, most) = (Vec::new(), segment.most_bytes());
            // One more than there may be, so that more is noticed.
            stdout.take(most as u64 + 1).read_to_end(&mut outcome).await?;
            if outcome.len() > most {
                return Err(ErrorKind::InvalidData.into());
            }
            Ok(Some(Said::Outcome(outcome.into())))
        }
        _ => Err(ErrorKind::InvalidData.into()),
    }
}

fn length_of(bytes: &[u8]) -> [u8; 8] {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes()
}

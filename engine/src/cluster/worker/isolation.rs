//! A task in a process of its own: what kills it kills nobody else, and is soon known.

use std::ffi::OsString;
use std::io::{ErrorKind, Read, Write, stdin, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;

use crate::cluster::protocol::wire::{Outcome, Task};
use crate::cluster::run::Stage;
use crate::cluster::worker::admission::Admission;
use crate::cluster::worker::plugin_folder::PluginFolder;
use crate::cluster::worker::process::Declined;
use crate::cluster::worker::run::{Segment, open};
use crate::deadlines::APART;
use crate::error::ClusterError;
use crate::executor::{Executor, NumberedFailure, SegmentResult, run_segment};
use crate::plugin::Core;
use crate::process::{Child, Program, Reader, Stdio};
use crate::record::{Batch, BatchBuilder};
use crate::text::PlainText;
use crate::{Capability, Cause, Error, Pool, Print, threads};

/// So many of them run at once, or as many as there are cores: functions may wait.
const FEWEST: usize = 8;

/// The program that runs a task apart.
#[derive(Clone, Debug)]
pub(in crate::cluster) struct Isolation {
    program: PathBuf,
    arguments: Vec<String>,
    /// One permit for each such process.
    room: Arc<Semaphore>,
}

/// What such a process is told before the task.
#[derive(Serialize, Deserialize)]
struct Head {
    folder: PathBuf,
    stages: Vec<Stage>,
}

/// Such a process says that its functions are there: dies it before that, no record is to blame.
const READY: u8 = b'R';
/// What a function prints: the place of the function and the length of the line, four bytes each, and the line.
const PRINT: u8 = b'P';
/// What came of the task, to the end of what it says.
const OUTCOME: u8 = b'O';

/// A line that a function prints has no more bytes, with what may be said behind it.
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
    pub(in crate::cluster) fn new(program: PathBuf, arguments: Vec<String>) -> Self {
        let room = std::thread::available_parallelism().map_or(1, usize::from).max(FEWEST);
        Self { program, arguments, room: Arc::new(Semaphore::new(room)) }
    }

    /// The program, as it is started.
    pub(in crate::cluster) fn program(&self) -> Program {
        let arguments = self.arguments.iter().map(OsString::from);
        Program::new(std::iter::once(self.program.clone().into()).chain(arguments))
    }

    /// Runs a task apart. If the process dies its records are run in halves, until the one is alone that it dies
    /// of, which is a fault.
    ///
    /// `advance` is called before each process.
    pub(in crate::cluster) async fn run(
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
                            ending = Some(crate::executor::Ending { stage: 0, record, cause });
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
        let told =
            |error: &dyn std::fmt::Display| Declined(format!("a process of its own can't be run: {error}"));
        let _room = self.room.acquire().await;
        let head = Head { folder: folder.to_owned(), stages: segment.described.clone() };
        let head = serde_json::to_vec(&head).map_err(|error| told(&error))?;
        // A signal that is meant for the worker is not for it: it has a process group of its own.
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
            Ok((said.map_err(|error| told(&error))?, child.wait().await.map_err(|error| told(&error))?))
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

/// Whether somebody ended it, as services and sessions end, and no record did.
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

/// Hears what such a process says, to its end. What its functions print is told at once: it may be the last that is
/// heard of them.
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

/// Reads what comes on stdin behind its length.
fn read_one() -> std::io::Result<Vec<u8>> {
    let (mut stdin, mut length) = (stdin().lock(), [0; 8]);
    stdin.read_exact(&mut length)?;
    let (length, mut bytes) = (u64::from_le_bytes(length), Vec::new());
    let read = stdin.take(length).read_to_end(&mut bytes)?;
    if read as u64 == length { Ok(bytes) } else { Err(ErrorKind::UnexpectedEof.into()) }
}

/// Says something of a kind to the worker.
fn say(kind: u8, parts: &[&[u8]]) -> std::io::Result<()> {
    let mut out = stdout().lock();
    out.write_all(&[kind])?;
    parts.iter().try_for_each(|part| out.write_all(part))?;
    out.flush()
}

/// Runs the task that comes on stdin, and writes its outcome to stdout.
pub(in crate::cluster) fn serve(pool: &Pool, allowed: &[Capability]) -> Result<(), Error> {
    let broken = |reason: String| {
        Error::Cluster(ClusterError::Worker { worker: "a process of its own".to_owned(), reason })
    };
    let read = || read_one().map_err(|error| broken(format!("half a task came: {error}")));
    let (head, task) = (read()?, read()?);
    let head: Head = serde_json::from_slice(&head).map_err(|error| broken(error.to_string()))?;
    let task = Task::decode(&task).map_err(|error| broken(error.to_string()))?;
    // Whoever wants the outcome holds the other end, and nobody else ends this process.
    threads::start("engine-host", || {
        let _ = std::io::copy(&mut stdin().lock(), &mut std::io::sink());
        std::process::exit(1);
    })?;
    let cores = open_all(pool, allowed, &head).map_err(broken)?;
    say(READY, &[]).map_err(|error| broken(error.to_string()))?;
    let executor: Arc<dyn Executor> = Arc::new(pool.clone());
    let stages = cores.clone();
    let whole =
        pool.shared().wait(async move { run_segment(&executor, &stages, task.batch, || ()).await })?;
    let used = cores.iter().map(|core| core.usage.tally()).collect();
    let outcome = Outcome { worker: PlainText::default(), nanos: 0, whole, used, printed: Vec::new() };
    match say(OUTCOME, &[&outcome.encode()]) {
        // The worker that wanted it is gone: so is who would be told.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| broken(error.to_string())),
    }
}

/// The functions that a task goes through, as far as they may be run here.
fn open_all(pool: &Pool, allowed: &[Capability], head: &Head) -> Result<Vec<Arc<Core>>, String> {
    let admission = Admission { limits: pool.shared().limits(), allowed };
    let open = |(place, stage): (usize, &Stage)| {
        admission.check(stage)?;
        let path = head.folder.join(PluginFolder::name(&stage.plugin));
        let plugin = pool.load(path).map_err(|error| error.to_string())?;
        if plugin.hash() != stage.plugin {
            return Err("its plugin was changed here".to_owned());
        }
        let place = u32::try_from(place).unwrap_or(u32::MAX).to_le_bytes();
        let on_print = move |print: Print| {
            let length = u32::try_from(print.line.len()).unwrap_or(u32::MAX).to_le_bytes();
            // Nobody hears it if the worker is gone.
            let _ = say(PRINT, &[&place, &length, print.line.as_bytes()]);
        };
        open(&plugin, stage, Arc::new(on_print))
    };
    head.stages.iter().enumerate().map(open).collect()
}

//! A task in a process of its own: what kills it kills nobody else, and is soon known.

use std::io::{ErrorKind, Read, Write, stdin, stdout};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use super::run::Stage;
use super::serving::open;
use super::wire::{Outcome, Task};
use crate::pool::{Crew, Failed, Whole, run_whole};
use crate::record::{Batch, BatchBuilder};
use crate::{Capability, Cause, Error, Pool};

/// The program that runs a task apart.
#[derive(Clone, Debug)]
pub(super) struct Isolation {
    program: PathBuf,
    arguments: Vec<String>,
}

/// What such a process is told before the task.
#[derive(Serialize, Deserialize)]
struct Head {
    folder: PathBuf,
    stages: Vec<Stage>,
}

/// What came of a process.
enum Ran {
    Done(Whole),
    /// It ended so.
    Died(String),
}

impl Isolation {
    pub(super) fn new(program: PathBuf, arguments: Vec<String>) -> Self {
        Self { program, arguments }
    }

    /// Runs a task apart. If the process dies its records are run in halves, until the one is alone that it dies
    /// of, which is a fault.
    ///
    /// `advance` is called whenever a process is done with some of them.
    pub(super) async fn run(
        &self,
        folder: &Path,
        stages: &[Stage],
        task: &Task,
        advance: impl Fn(),
    ) -> Result<Whole, String> {
        let mut outputs = BatchBuilder::default();
        let (mut failed, mut ending) = (Vec::new(), None);
        // In their order, the next one last.
        let mut left = vec![task.batch.clone()];
        while let Some(mut batch) = left.pop() {
            let task = Task { batch: batch.clone(), ..task.clone() };
            advance();
            match self.run_once(folder, stages, &task).await? {
                Ran::Done(whole) => {
                    outputs.append(&whole.output, 0..whole.output.len());
                    failed.extend(whole.failed);
                    ending = whole.ending;
                }
                Ran::Died(how) if batch.len() == 1 => {
                    let (record, cause) = (batch.number(0), Cause::KilledItsWorker { how });
                    match stages.first().and_then(|stage| stage.stops_behind) {
                        Some(behind) if record > behind => {
                            ending = Some(crate::pool::Ending { stage: 0, record, cause });
                        }
                        _ => failed.push(Failed { stage: 0, record, cause, attempts: 1 }),
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
        Ok(Whole { output, failed, ending })
    }

    async fn run_once(&self, folder: &Path, stages: &[Stage], task: &Task) -> Result<Ran, String> {
        let told = |error: std::io::Error| format!("a process of its own can't be run: {error}");
        let head = Head { folder: folder.to_owned(), stages: stages.to_vec() };
        let head = serde_json::to_vec(&head).map_err(|error| error.to_string())?;
        let mut child = Command::new(&self.program);
        child.args(&self.arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = child.spawn().map_err(told)?;
        let (mut stdin, mut stdout) = match (child.stdin.take(), child.stdout.take()) {
            (Some(stdin), Some(stdout)) => (stdin, stdout),
            _ => return Err("a process of its own has no pipes".to_owned()),
        };
        let length = u64::try_from(head.len()).unwrap_or(u64::MAX).to_le_bytes();
        let given = [&length[..], &head, &task.encode()].concat();
        let write = async move {
            // One that dies meanwhile is known by how it ends.
            let _ = stdin.write_all(&given).await;
        };
        let mut said = Vec::new();
        let (_, read) = tokio::join!(write, stdout.read_to_end(&mut said));
        read.map_err(told)?;
        let status = child.wait().await.map_err(told)?;
        if !status.success() {
            return Ok(Ran::Died(status.to_string()));
        }
        let outcome = Outcome::decode(&said).map_err(|error| error.to_string())?;
        outcome.result.map(Ran::Done)
    }
}

/// Runs the task that comes on stdin, and writes its outcome to stdout.
pub(super) fn serve(pool: &Pool, allowed: &[Capability]) -> Result<(), Error> {
    let broken = |reason: String| Error::Worker { worker: "a process of its own".to_owned(), reason };
    let mut given = Vec::new();
    stdin().lock().read_to_end(&mut given).map_err(|error| broken(error.to_string()))?;
    if given.is_empty() {
        return Ok(());
    }
    let (length, rest) = given.split_first_chunk().ok_or_else(|| broken("nothing came".to_owned()))?;
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    let (head, task) = rest.split_at_checked(length).ok_or_else(|| broken("half a task came".to_owned()))?;
    let head: Head = serde_json::from_slice(head).map_err(|error| broken(error.to_string()))?;
    let task = Task::decode(task).map_err(|error| broken(error.to_string()))?;
    let result = run_here(pool, allowed, &head, task);
    let (used, printed) = (Vec::new(), Vec::new());
    let outcome = Outcome { worker: String::new(), nanos: 0, result, used, printed };
    let bytes: Bytes = outcome.encode();
    let mut out = stdout().lock();
    match out.write_all(&bytes).and_then(|()| out.flush()) {
        // The worker that wanted it is gone: so is who would be told.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| broken(error.to_string())),
    }
}

fn run_here(pool: &Pool, allowed: &[Capability], head: &Head, task: Task) -> Result<Whole, String> {
    let mut cores = Vec::new();
    for stage in &head.stages {
        let wanted = stage.capabilities.iter().map(|text| text.parse::<Capability>());
        if !wanted.into_iter().all(|wanted| wanted.is_ok_and(|wanted| allowed.contains(&wanted))) {
            return Err(format!("{} wants what is not allowed here", stage.function));
        }
        let path = head.folder.join(format!("{}.wasm", stage.plugin));
        let plugin = pool.load(path).map_err(|error| format!("{error:?}"))?;
        cores.push(open(&plugin, stage, pool.shared().on_print())?);
    }
    let crew: Arc<dyn Crew> = Arc::new(pool.clone());
    pool.shared().wait(async move {
        run_whole(&crew, &cores, task.batch, || ()).await.map_err(|error| format!("{error:?}"))
    })
}

//! An isolated process: it runs one task that a worker gives it.

use std::io::{ErrorKind, Read, Write, stdin, stdout};
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::admission::Admission;
use super::plugin_folder::PluginFolder;
use super::segment::open;
use crate::cluster::description::Stage;
use crate::cluster::protocol::wire::{Outcome, Task};
use crate::error::ClusterError;
use crate::executor::{Executor, run_segment};
use crate::plugin::FunctionCore;
use crate::plugin::Print;
use crate::text::PlainText;
use crate::{Capability, Error, Pool, threads};

/// What an isolated process receives before the task.
#[derive(Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) folder: PathBuf,
    pub(super) stages: Vec<Stage>,
}

/// An isolated process says that its functions are there: if it dies before that, no record is to blame.
pub(super) const READY: u8 = b'R';
/// What a function prints: the position of the function and the length of the line, four bytes each, and the line.
pub(super) const PRINT: u8 = b'P';
/// What came of the task, to the end of what it says.
pub(super) const OUTCOME: u8 = b'O';

/// Reads what comes on stdin after its length.
fn read_one() -> std::io::Result<Vec<u8>> {
    let (mut stdin, mut length) = (stdin().lock(), [0; 8]);
    stdin.read_exact(&mut length)?;
    let (length, mut bytes) = (u64::from_le_bytes(length), Vec::new());
    let read = stdin.take(length).read_to_end(&mut bytes)?;
    if read as u64 == length { Ok(bytes) } else { Err(ErrorKind::UnexpectedEof.into()) }
}

/// Says something to the worker.
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
    // The worker holds the other end, and nothing else ends this process.
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
    let used = cores.iter().map(|core| core.usage.totals()).collect();
    let outcome = Outcome { worker: PlainText::default(), nanos: 0, whole, used, printed: Vec::new() };
    match say(OUTCOME, &[&outcome.encode()]) {
        // The worker that wanted it is gone.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| broken(error.to_string())),
    }
}

/// The functions that a task goes through, as far as they may be run here.
fn open_all(pool: &Pool, allowed: &[Capability], head: &Head) -> Result<Vec<Arc<FunctionCore>>, String> {
    let admission = Admission { limits: pool.shared().limits(), allowed };
    let open = |(index, stage): (usize, &Stage)| {
        admission.check(stage)?;
        let path = head.folder.join(PluginFolder::name(&stage.plugin));
        let plugin = pool.blocking_load(path).map_err(|error| error.to_string())?;
        if plugin.hash() != stage.plugin {
            return Err("its plugin was changed here".to_owned());
        }
        let index = u32::try_from(index).unwrap_or(u32::MAX).to_le_bytes();
        let on_print = move |print: Print| {
            let length = u32::try_from(print.line.len()).unwrap_or(u32::MAX).to_le_bytes();
            // It is lost if the worker is gone.
            let _ = say(PRINT, &[&index, &length, print.line.as_bytes()]);
        };
        open(&plugin, stage, Arc::new(on_print))
    };
    head.stages.iter().enumerate().map(open).collect()
}

//! Saves the progress of a run at intervals, so that a later run can continue.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::SetOnce;

use super::dead_letter_file::DeadLetterFile;
use super::marks::InputMarks;
use super::output_file::OutputFile;
use crate::plugin::Output;
use crate::progress::{Checkpoint, Done, OutputState};
use crate::{Error, Progress, threads};

/// Saving takes at most one part in this many of the time.
const SHARE: u32 = 20;

/// What must be on the disk before a checkpoint may count it.
pub(super) struct Durable {
    pub(super) output: Output,
    pub(super) output_file: OutputFile,
    pub(super) dead_letters: Option<DeadLetterFile>,
}

impl Durable {
    fn sync(&self) -> Result<(), Error> {
        self.output.flush()?;
        self.output_file.sync()?;
        self.dead_letters.as_ref().map_or(Ok(()), DeadLetterFile::sync)
    }

    /// Syncs the outputs first, so that a checkpoint never counts what may be lost.
    fn save(&self, path: &Path, checkpoint: &Checkpoint) -> Result<(), Error> {
        self.sync()?;
        let Checkpoint { output, letters, .. } = checkpoint.clone();
        let (output, letters) = (output.with_tail()?, letters.map(OutputState::with_tail).transpose()?);
        Checkpoint { output, letters, ..checkpoint.clone() }.blocking_save(path)
    }
}

/// Saves the progress of a run at intervals.
pub(super) struct Checkpointer {
    path: PathBuf,
    marks: InputMarks,
    durable: Arc<Durable>,
    /// Dropped to end the thread.
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    failed: Arc<SetOnce<Error>>,
}

impl Checkpointer {
    /// Begins with the checkpoint in `marks`; another one is saved each `interval`, or less often if the disk is slow.
    pub(super) fn begin(
        path: PathBuf,
        interval: Duration,
        marks: InputMarks,
        progress: &Progress,
        durable: Durable,
    ) -> Result<Self, Error> {
        let start = marks.lock().now.clone();
        if start.record == 0 && start.letters.is_some() {
            // Where its letters begin, after those of other runs, is to be known from the start.
            durable.save(&path, &start)?;
        }
        let durable = Arc::new(durable);
        follow(progress, start, &marks, &durable);
        let (stop, stopped) = sync_channel(1);
        let failed = Arc::new(SetOnce::new());
        let (its, files, file, failure) = (marks.clone(), durable.clone(), path.clone(), failed.clone());
        let asked = progress.downgrade();
        let thread = threads::start("engine-checkpoint", move || {
            let (mut saved, mut wait) = (None, interval);
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(wait) {
                let (now, waits) = {
                    let state = its.lock();
                    (state.now.clone(), state.waits())
                };
                if let Some(progress) = asked.upgrade().filter(|_| !waits) {
                    progress.want_snapshot();
                }
                if saved.as_ref() == Some(&now) {
                    continue;
                }
                let begun = Instant::now();
                if let Err(error) = files.save(&file, &now) {
                    let _ = failure.set(error);
                    return;
                }
                wait = interval.max(begun.elapsed() * SHARE);
                saved = Some(now);
            }
        })?;
        Ok(Self { path, marks, durable, stop: Some(stop), thread: Some(thread), failed })
    }

    /// Waits until a checkpoint can't be saved.
    pub(super) async fn failure(&self) -> Error {
        self.failed.wait().await.clone()
    }

    /// The run has ended: when all is done the checkpoint is of no use any more; else it is the last one.
    pub(super) fn end(mut self, done: bool) -> Result<(), Error> {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It has nothing that could panic but the system's locks.
            let _ = thread.join();
        }
        if let Some(error) = self.failed.get() {
            return Err(error.clone());
        }
        if done {
            self.durable.sync()?;
            return Checkpoint::blocking_remove(&self.path);
        }
        let now = self.marks.lock().now.clone();
        self.durable.save(&self.path, &now)
    }
}

/// Notes each time that records are done what a checkpoint would say then.
fn follow(progress: &Progress, start: Checkpoint, marks: &InputMarks, durable: &Arc<Durable>) {
    let Checkpoint { output, letters, faults, put_aside, .. } = start;
    let (written, lettered) = (output.length, letters.map_or(0, |letters| letters.length));
    let (its, files, counted) = (marks.clone(), durable.clone(), progress.downgrade());
    progress.on_done(move |Done { last: record, .. }| {
        let mut state = its.lock();
        let put = files.dead_letters.as_ref().map_or(0, |file| file.settle(record));
        let Some(progress) = counted.upgrade() else { return };
        // What is in the output of records after it would come once more.
        if progress.last_delivered() > record || !state.reach(record) {
            return;
        }
        state.now.output.length = written + files.output.written();
        state.now.faults = faults + progress.faults_done();
        state.now.put_aside = put_aside + put;
        if let (Some(letters), Some(file)) = (&mut state.now.letters, &files.dead_letters) {
            letters.length = lettered + file.written();
        }
    });
    let its = marks.clone();
    progress.on_snapshot(move |snapshot| its.lock().look_ahead(snapshot));
}

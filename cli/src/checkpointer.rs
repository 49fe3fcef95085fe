//! Saves the progress of a run at intervals, so that the same command can continue after a crash.

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use engine::checkpoint::{Checkpoint, Done, OutputState, Snapshot};
use engine::error::FileError;
use engine::plugin::Output;
use engine::sources::Mark;
use engine::{Error, Progress};
use tokio::sync::SetOnce;

use super::faults::DeadLetterFile;
use super::threads;

/// Saving takes at most one part in this many of the time.
const SHARE: u32 = 20;

/// What must be on the disk before a checkpoint may count it.
pub(crate) struct Durable {
    pub(crate) output: Output,
    pub(crate) output_file: File,
    pub(crate) dead_letters: DeadLetterFile,
    pub(crate) letters_file: Option<File>,
}

impl Durable {
    fn sync(&self, checkpoint: &Checkpoint) -> Result<(), Error> {
        self.output.flush()?;
        sync(&self.output_file, &checkpoint.output.path)?;
        self.dead_letters.flush()?;
        match (&self.letters_file, &checkpoint.letters) {
            (Some(file), Some(letters)) => sync(file, &letters.path),
            _ => Ok(()),
        }
    }
}

fn sync(file: &File, path: &Path) -> Result<(), Error> {
    file.sync_data()
        .map_err(|error| Error::File(FileError::Write { path: path.to_owned(), source: Arc::new(error) }))
}

/// Saves the progress of a run at intervals.
pub(crate) struct Checkpointer {
    path: PathBuf,
    state: Arc<Mutex<RunProgress>>,
    durable: Arc<Durable>,
    /// Dropped to end the thread.
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    failed: Arc<SetOnce<Error>>,
}

struct RunProgress {
    /// The latest that could be saved: everything in it belongs to one moment.
    now: Checkpoint,
    /// Where blocks of the inputs begin, as far as they may have to be read again.
    marks: VecDeque<(usize, Mark)>,
    /// The states of functions, behind a record that is not done yet.
    ahead: Option<Snapshot>,
}

fn lock(state: &Mutex<RunProgress>) -> MutexGuard<'_, RunProgress> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RunProgress {
    /// All records up to `record` are done. False if they were before, in another run.
    fn reach(&mut self, record: u64) -> bool {
        if record <= self.now.record {
            return false;
        }
        if self.now.states.is_empty() {
            self.now.read = record;
        }
        if let Some(Snapshot { record, states, .. }) = self.ahead.take_if(|ahead| ahead.record <= record) {
            (self.now.read, self.now.states) = (record, states);
        }
        let next = self.now.read + 1;
        while self.marks.get(1).is_some_and(|(_, mark)| mark.record <= next) {
            self.marks.pop_front();
        }
        let Some((input, mark)) = self.marks.front() else { return false };
        (self.now.record, self.now.input, self.now.offset) = (record, *input, mark.offset);
        self.now.skip = next.saturating_sub(mark.record);
        true
    }

    /// What functions have made of the records up to one: the earliest is kept that is of no use yet, since
    /// there may always be another.
    fn look_ahead(&mut self, snapshot: Snapshot) {
        self.ahead.get_or_insert(snapshot);
    }
}

impl Checkpointer {
    /// Begins with the checkpoint `start`; another one is saved each `interval`, or less often.
    pub(crate) fn begin(
        path: PathBuf,
        interval: Duration,
        start: Checkpoint,
        progress: &Progress,
        durable: Durable,
    ) -> Result<Self, Error> {
        let Checkpoint { output, letters, faults, put_aside, .. } = start.clone();
        let (written, lettered) = (output.length, letters.map_or(0, |letters| letters.length));
        let state = Arc::new(Mutex::new(RunProgress { now: start, marks: VecDeque::new(), ahead: None }));
        let durable = Arc::new(durable);
        let (its, files, counted) = (state.clone(), durable.clone(), progress.downgrade());
        progress.on_done(move |Done { last: record, .. }| {
            let mut state = lock(&its);
            let put = files.dead_letters.settle(record);
            let Some(progress) = counted.upgrade() else { return };
            // What is in the output of records behind it would come once more.
            if progress.last_delivered() > record || !state.reach(record) {
                return;
            }
            state.now.output.length = written + files.output.written();
            state.now.faults = faults + progress.faults_done();
            state.now.put_aside = put_aside + put;
            if let Some(letters) = &mut state.now.letters {
                letters.length = lettered + files.dead_letters.written();
            }
        });
        let its = state.clone();
        progress.on_snapshot(move |snapshot| lock(&its).look_ahead(snapshot));
        let asked = progress.downgrade();
        let (stop, stopped) = sync_channel(1);
        let failed = Arc::new(SetOnce::new());
        let (its, files, file, failure) = (state.clone(), durable.clone(), path.clone(), failed.clone());
        let thread = threads::start("engine-checkpoint", move || {
            let (mut saved, mut wait) = (None, interval);
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(wait) {
                let (now, waits) = {
                    let state = lock(&its);
                    (state.now.clone(), state.ahead.is_some())
                };
                if let Some(progress) = asked.upgrade().filter(|_| !waits) {
                    progress.want_snapshot();
                }
                if saved.as_ref() == Some(&now) {
                    continue;
                }
                let begun = Instant::now();
                if let Err(error) = save(&file, &now, &files) {
                    let _ = failure.set(error);
                    return;
                }
                wait = interval.max(begun.elapsed() * SHARE);
                saved = Some(now);
            }
        })?;
        Ok(Self { path, state, durable, stop: Some(stop), thread: Some(thread), failed })
    }

    /// Returns a closure that records where the blocks of an input begin.
    pub(crate) fn marks(&self, input: usize, offset: u64, first: u64) -> impl FnMut(Mark) + Send + use<> {
        let state = self.state.clone();
        if let Some(input) = lock(&state).now.inputs.get_mut(input) {
            input.first.get_or_insert(first);
        }
        move |mark| lock(&state).marks.push_back((input, Mark { offset: offset + mark.offset, ..mark }))
    }

    /// Set when a checkpoint could not be saved.
    pub(crate) fn failed(&self) -> Arc<SetOnce<Error>> {
        self.failed.clone()
    }

    /// The run has ended: when all is done the checkpoint is of no use any more; else it is the last one.
    pub(crate) fn end(mut self, done: bool) -> Result<(), Error> {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It has nothing that could panic but the system's locks.
            let _ = thread.join();
        }
        if let Some(error) = self.failed.get() {
            return Err(error.clone());
        }
        let now = lock(&self.state).now.clone();
        if done {
            self.durable.sync(&now)?;
            return Checkpoint::blocking_remove(&self.path);
        }
        save(&self.path, &now, &self.durable)
    }
}

/// Syncs the output first, so that a checkpoint never counts what may be lost.
pub(crate) fn save(path: &Path, checkpoint: &Checkpoint, durable: &Durable) -> Result<(), Error> {
    durable.sync(checkpoint)?;
    let Checkpoint { output, letters, .. } = checkpoint.clone();
    let (output, letters) = (output.with_tail()?, letters.map(OutputState::with_tail).transpose()?);
    Checkpoint { output, letters, ..checkpoint.clone() }.blocking_save(path)
}

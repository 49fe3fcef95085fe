//! `--checkpoint`: what is done is noted now and then, so that the same command goes on after a crash.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, UNIX_EPOCH};

use anyhow::{Context, bail, ensure};
use engine::sources::Mark;
use engine::{Checkpoint, Error, InputState, Output, OutputState, Source};
use tokio::sync::SetOnce;

use super::args::time;
use super::faults::Letters;
use super::plugins::Records;

/// Checkpoints take no more than one part in so many of the time.
const SHARE: u32 = 20;

/// Flags about going on after a crash.
#[derive(clap::Args)]
#[command(next_help_heading = "Going on after a crash")]
pub(crate) struct CheckpointArgs {
    /// Note in this file how far the run has come; if it is there, go on from where it says
    ///
    /// The output is then what one run would have given, byte for byte. Inputs and output must be files.
    /// What a plugin's sink prints is covered; its other effects may be repeated for the last records.
    #[arg(long, value_name = "FILE", requires_all = ["input", "output"], conflicts_with = "unordered")]
    checkpoint: Option<PathBuf>,
    /// How often that is noted, or less often if the disk is slow
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time, requires = "checkpoint")]
    checkpoint_interval: Duration,
    /// Go on although a plugin is not the one that the run was begun with
    #[arg(long, requires = "checkpoint")]
    accept_changed_plugin: bool,
}

/// What is run, to be compared with what was.
pub(crate) struct Identity {
    pub(crate) pipeline: Vec<String>,
    pub(crate) plugins: Vec<String>,
}

/// A run's files, by name.
pub(crate) struct Files<'a> {
    pub(crate) inputs: &'a [PathBuf],
    pub(crate) output: Option<&'a Path>,
    pub(crate) letters: Option<&'a Path>,
}

impl CheckpointArgs {
    /// The checkpoint in the file, if there is one.
    pub(crate) fn known(&self) -> anyhow::Result<Option<Checkpoint>> {
        Ok(self.checkpoint.as_ref().map(|path| Checkpoint::load(path)).transpose()?.flatten())
    }

    /// The checkpoint that the run begins with: the `known` one, or the beginning. None without
    /// `--checkpoint`.
    pub(crate) fn start(
        &self,
        known: Option<Checkpoint>,
        identity: Identity,
        files: &Files,
    ) -> anyhow::Result<Option<Checkpoint>> {
        let (Some(path), Some(output)) = (&self.checkpoint, files.output) else { return Ok(None) };
        let others = files.inputs.iter().map(PathBuf::as_path).chain([output]).chain(files.letters);
        for other in others {
            ensure!(!is_same(path, other), "--checkpoint needs a file of its own, not {}", other.display());
        }
        let Identity { pipeline, plugins } = identity;
        let inputs = files.inputs.iter().map(|path| input_state(path)).collect::<anyhow::Result<Vec<_>>>()?;
        let state = |path: &Path| OutputState { path: path.to_owned(), ..OutputState::default() };
        for path in [Some(output), files.letters].into_iter().flatten() {
            let file = path.metadata().map_or(true, |metadata| metadata.is_file());
            ensure!(file, "--checkpoint needs files, and {} is none", path.display());
        }
        let (output, letters) = (state(output), files.letters.map(state));
        let fresh = Checkpoint { pipeline, plugins, inputs, output, letters, ..Checkpoint::default() };
        let Some(known) = known else { return Ok(Some(fresh)) };
        self.resumed(known, fresh).map(Some).with_context(|| format!("can't go on from {}", path.display()))
    }

    /// The checkpoint `known`, if it is of the run that would begin with `fresh`.
    fn resumed(&self, known: Checkpoint, fresh: Checkpoint) -> anyhow::Result<Checkpoint> {
        let again = "remove it to begin anew";
        ensure!(
            known.pipeline == fresh.pipeline,
            "it is of another run, of {}; this one is of {} ({again})",
            known.pipeline.join(" "),
            fresh.pipeline.join(" ")
        );
        for (number, (known, now)) in (1..).zip(known.plugins.iter().zip(&fresh.plugins)) {
            ensure!(
                known == now || self.accept_changed_plugin,
                "plugin {number} has changed since (--accept-changed-plugin goes on with it; or {again})"
            );
        }
        ensure!(known.inputs.len() == fresh.inputs.len(), "it is of a run with other inputs ({again})");
        for (known, now) in known.inputs.iter().zip(&fresh.inputs) {
            ensure!(
                known.path == now.path,
                "it is of a run that read {}, not {} ({again})",
                known.path.display(),
                now.path.display()
            );
            let same = known.size == now.size && known.modified == now.modified;
            ensure!(same, "{} has changed since ({again})", now.path.display());
        }
        for (known, now) in
            [(Some(&known.output), Some(&fresh.output)), (known.letters.as_ref(), fresh.letters.as_ref())]
        {
            let (Some(known), Some(now)) = (known, now) else {
                ensure!(known.is_none() && now.is_none(), "it is of a run with another --on-fault ({again})");
                continue;
            };
            ensure!(
                known.path == now.path,
                "it is of a run that wrote {}, not {} ({again})",
                known.path.display(),
                now.path.display()
            );
            let length = fs::metadata(&now.path).map_or(0, |metadata| metadata.len());
            ensure!(
                length >= known.length,
                "{} should have {} bytes and has {length} ({again})",
                now.path.display(),
                known.length
            );
            ensure!(
                known.is_unchanged(),
                "{} is not what that run wrote: something else wrote to it ({again})",
                now.path.display()
            );
        }
        Ok(Checkpoint { plugins: fresh.plugins, ..known })
    }

    /// Begins to note how far the run comes.
    pub(crate) fn begin(
        &self,
        start: Option<Checkpoint>,
        source: &Arc<Source<Records>>,
        durable: Durable,
    ) -> Option<Keeper> {
        let (path, start) = (self.checkpoint.clone()?, start?);
        Some(Keeper::begin(path, self.checkpoint_interval, start, source, durable))
    }
}

/// Whether two paths lead to one file, which need not be there yet.
pub(crate) fn is_same(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        path.canonicalize().or_else(|_| {
            Ok::<_, std::io::Error>(folder.canonicalize()?.join(path.file_name().unwrap_or_default()))
        })
    };
    one == other || whole(one).is_ok_and(|one| whole(other).is_ok_and(|other| one == other))
}

fn input_state(path: &Path) -> anyhow::Result<InputState> {
    let metadata = fs::metadata(path).with_context(|| format!("can't read {}", path.display()))?;
    if path == Path::new("-") || !metadata.is_file() {
        bail!("--checkpoint needs files, and {} is none", path.display());
    }
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let modified = modified.and_then(|time| u64::try_from(time.as_nanos()).ok()).unwrap_or_default();
    Ok(InputState { path: path.to_owned(), size: metadata.len(), modified, first: None })
}

/// What must be on the disk before a checkpoint may speak of it.
pub(crate) struct Durable {
    pub(crate) output: Output,
    pub(crate) output_file: File,
    pub(crate) letters: Letters,
    pub(crate) letters_file: Option<File>,
}

impl Durable {
    fn sync(&self, checkpoint: &Checkpoint) -> Result<(), Error> {
        self.output.flush()?;
        sync(&self.output_file, &checkpoint.output.path)?;
        self.letters.flush()?;
        match (&self.letters_file, &checkpoint.letters) {
            (Some(file), Some(letters)) => sync(file, &letters.path),
            _ => Ok(()),
        }
    }
}

fn sync(file: &File, path: &Path) -> Result<(), Error> {
    file.sync_data().map_err(|error| Error::Write { path: path.to_owned(), source: Arc::new(error) })
}

/// Notes now and then how far a run has come.
pub(crate) struct Keeper {
    path: PathBuf,
    state: Arc<Mutex<State>>,
    durable: Arc<Durable>,
    /// Dropped to end the thread.
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    failed: Arc<SetOnce<Error>>,
}

struct State {
    /// The latest that could be saved: everything in it belongs to one moment.
    now: Checkpoint,
    /// Where blocks of the inputs begin, as far as they are not done.
    marks: VecDeque<(usize, Mark)>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// All records up to `record` are done.
    fn reach(&mut self, record: u64) {
        while self.marks.get(1).is_some_and(|(_, mark)| mark.record <= record + 1) {
            self.marks.pop_front();
        }
        let Some((input, mark)) = self.marks.front() else { return };
        (self.now.record, self.now.input, self.now.offset) = (record, *input, mark.offset);
        self.now.skip = (record + 1).saturating_sub(mark.record);
    }
}

impl Keeper {
    fn begin(
        path: PathBuf,
        interval: Duration,
        start: Checkpoint,
        source: &Arc<Source<Records>>,
        durable: Durable,
    ) -> Self {
        let Checkpoint { output, letters, faults, put_aside, .. } = start.clone();
        let (written, lettered) = (output.length, letters.map_or(0, |letters| letters.length));
        let state = Arc::new(Mutex::new(State { now: start, marks: VecDeque::new() }));
        let durable = Arc::new(durable);
        let (its, files, counted) = (state.clone(), durable.clone(), Arc::downgrade(source));
        source.on_done(move |record| {
            let mut state = lock(&its);
            state.reach(record);
            state.now.output.length = written + files.output.written();
            state.now.faults = faults + Weak::upgrade(&counted).map_or(0, |source| source.counts().faults);
            state.now.put_aside = put_aside + files.letters.count();
            if let Some(letters) = &mut state.now.letters {
                letters.length = lettered + files.letters.written();
            }
        });
        let (stop, stopped) = sync_channel(1);
        let failed = Arc::new(SetOnce::new());
        let (its, files, file, failure) = (state.clone(), durable.clone(), path.clone(), failed.clone());
        let thread = thread::spawn(move || {
            let (mut saved, mut wait) = (None, interval);
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(wait) {
                let now = lock(&its).now.clone();
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
        });
        Self { path, state, durable, stop: Some(stop), thread: Some(thread), failed }
    }

    /// Who notes where the blocks of an input begin.
    pub(crate) fn marks(&self, input: usize, offset: u64, first: u64) -> impl FnMut(Mark) + Send + use<> {
        let state = self.state.clone();
        if let Some(input) = lock(&state).now.inputs.get_mut(input) {
            input.first.get_or_insert(first);
        }
        move |mark| lock(&state).marks.push_back((input, Mark { offset: offset + mark.offset, ..mark }))
    }

    /// Waits until a checkpoint could not be saved.
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
            return Checkpoint::remove(&self.path);
        }
        save(&self.path, &now, &self.durable)
    }
}

/// The output first: a checkpoint never speaks of what may be lost.
fn save(path: &Path, checkpoint: &Checkpoint, durable: &Durable) -> Result<(), Error> {
    durable.sync(checkpoint)?;
    let Checkpoint { output, letters, .. } = checkpoint.clone();
    let (output, letters) = (output.with_tail()?, letters.map(OutputState::with_tail).transpose()?);
    Checkpoint { output, letters, ..checkpoint.clone() }.save(path)
}

//! The run: sources with what feeds them, and all files around them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::checkpointer::Checkpointer;
use super::dead_letter_file::{DeadLetterFile, InputPositions};
use super::fault_settings::FaultSettings;
use super::feed::{RunSource, feed};
use super::file_conflicts::{ReadBy, WrittenBy};
use super::marks::InputMarks;
use super::opening::{Claim, Saving};
use super::output_file::OutputFile;
use super::used::FunctionUsage;
use crate::executor::Returns;
use crate::graph::{Feed, ResumableFeed, ResumableRun, Source};
use crate::plugin::Output;
use crate::progress::Checkpoint;
use crate::{Error, FaultPolicy, Function, Plugin, Pool, Record, text};

/// Feeds the sources of a graph until they end, with the files that a run writes.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
///
/// use engine::run::{FaultSettings, OnFault, Run};
/// use engine::{CancellationToken, Pool, Source, sinks, sources};
///
/// let folder = tempfile::tempdir()?;
/// let [numbers, bad] = ["numbers", "bad"].map(|name| folder.path().join(name));
/// let mut run = Run::new(&Pool::new()?);
/// let faults = FaultSettings { on_fault: OnFault::Divert(bad.clone()), ..FaultSettings::default() };
/// let (output, policy) = (run.output(Some(&numbers)), run.policy(&faults));
/// let source = Arc::new(Source::new());
/// let lines = source.stream().try_map(|line: String| line.parse::<i64>(), &policy);
/// lines.sink(sinks::lines(&output));
/// run.source("lines", &source, sources::lines("1\ntwo\n3\n".as_bytes()));
/// run.run(&CancellationToken::new()).await?;
/// assert_eq!(std::fs::read_to_string(numbers)?, "1\n3\n");
/// assert_eq!(run.put_aside(), [(&*bad, 1)]);
/// # Ok(()) }
/// ```
pub struct Run {
    pub(super) pool: Pool,
    pub(super) sources: Vec<RunSource>,
    /// With the names of their nodes.
    pub(super) functions: Vec<(String, FunctionUsage)>,
    /// Each once.
    pub(super) plugins: Vec<Plugin>,
    /// Each that leaves records out.
    pub(super) skipping: Vec<FaultPolicy>,
    pub(super) dead_letters: Vec<DeadLetterFile>,
    /// Where records of the only source stood.
    pub(super) positions: InputPositions,
    /// What goes to stdout, if anything does.
    pub(super) stdout: Option<Output>,
    /// Opened when the run begins, and closed when it ends.
    pub(super) outputs: Vec<OutputFile>,
    /// What the run reads and writes, to be checked before anything is opened.
    pub(super) claims: Vec<(Claim, PathBuf)>,
    /// What the run itself writes, each with the file that it goes to.
    pub(super) written: Vec<(Output, OutputFile)>,
    /// The checkpoint that the run begins with.
    pub(super) start: Option<Checkpoint>,
    pub(super) saving: Option<Saving>,
    pub(super) checkpointer: Option<Checkpointer>,
    /// Where the progress of the whole graph is saved, and how often.
    pub(super) resumable: Option<(PathBuf, Duration)>,
    pub(super) opened: bool,
    /// What must be the same when a saved run goes on, and whether it may differ after all.
    pub(super) notes: Vec<(String, String)>,
    pub(super) accepts_changes: bool,
}

/// How checkpoints are saved.
#[derive(Clone, Debug)]
pub struct CheckpointSettings {
    /// The file.
    pub path: PathBuf,
    /// How often it is replaced; less often if the disk is slow.
    pub interval: Duration,
    /// What the run begins with: the checkpoint in the file, or one of no records yet.
    pub start: Checkpoint,
}

/// What the nodes of a graph have told of themselves.
pub(crate) struct RunParts {
    pub(crate) pool: Pool,
    pub(crate) sources: Vec<RunSource>,
    pub(crate) functions: Vec<(String, FunctionUsage)>,
    pub(crate) plugins: Vec<Plugin>,
    pub(crate) outputs: Vec<OutputFile>,
    pub(crate) skipping: Vec<FaultPolicy>,
    pub(crate) dead_letters: Vec<DeadLetterFile>,
    pub(crate) positions: InputPositions,
    pub(crate) stdout: Option<Output>,
    /// What must be the same when a saved run goes on.
    pub(crate) notes: Vec<(String, String)>,
}

impl Run {
    /// A run of functions on this pool.
    #[must_use]
    pub fn new(pool: &Pool) -> Self {
        Self::of(RunParts {
            pool: pool.clone(),
            sources: Vec::new(),
            functions: Vec::new(),
            plugins: Vec::new(),
            outputs: Vec::new(),
            skipping: Vec::new(),
            dead_letters: Vec::new(),
            positions: InputPositions::default(),
            stdout: None,
            notes: Vec::new(),
        })
    }

    /// A run of nodes whose files were checked against one another.
    pub(crate) fn of(parts: RunParts) -> Self {
        let RunParts {
            pool,
            sources,
            functions,
            plugins,
            outputs,
            skipping,
            dead_letters,
            positions,
            stdout,
            notes,
        } = parts;
        Self {
            pool,
            sources,
            functions,
            plugins,
            skipping,
            dead_letters,
            positions,
            stdout,
            notes,
            accepts_changes: false,
            outputs,
            claims: Vec::new(),
            written: Vec::new(),
            start: None,
            saving: None,
            checkpointer: None,
            resumable: None,
            opened: false,
        }
    }

    /// Adds a source with what feeds it. Several are fed side by side. `name` is what messages and views call it.
    pub fn source<T: Clone + Send + 'static>(
        &mut self,
        name: &str,
        source: &Arc<Source<T>>,
        feed: impl Feed<T>,
    ) {
        self.sources.push(RunSource::new(name, source, feed));
    }

    /// Notes that a function is called, so that [`usage`](Self::usage) tells what it used.
    pub fn calls<I: Record, O: Returns>(&mut self, name: &str, function: &Function<I, O>) {
        self.functions.push((name.to_owned(), FunctionUsage::of(function)));
    }

    /// Notes a plugin that runs: nothing may be written to its file.
    pub fn loads(&mut self, plugin: &Plugin) {
        if self.plugins.iter().any(|known| known.path() == plugin.path()) {
            return;
        }
        self.claims.push((Claim::Read(ReadBy::Plugin), plugin.path().to_owned()));
        self.plugins.push(plugin.clone());
    }

    /// Notes a file that is read: nothing may be written to it.
    pub fn reads(&mut self, path: &Path) {
        self.claims.push((Claim::Read(ReadBy::Input), path.to_owned()));
    }

    /// Notes that stdin is read. It may be a file: nothing may be written to it.
    pub fn reads_stdin(&mut self) {
        if cfg!(unix) {
            self.reads(Path::new("/dev/stdin"));
        }
    }

    /// Notes a file that the program writes by itself: the run writes no other there.
    pub fn keeps_away_from(&mut self, path: &Path) {
        self.claims.push((Claim::Write(WrittenBy::Other), path.to_owned()));
    }

    /// An output that ends in a file, or in stdout. The file is created or emptied when the run begins. If the run
    /// [continues](Self::checkpoint) an earlier one, what that one wrote stays.
    ///
    /// No other run can write to the file until this one ends or is dropped, if its file system has locks. If the file is
    /// removed or renamed meanwhile, what is written later goes to a new file at the path; a run that saves a
    /// [checkpoint](Self::checkpoint) fails then.
    pub fn output(&mut self, path: Option<&Path>) -> Output {
        let Some(path) = path else {
            return self.stdout.insert(Output::stdout()).clone();
        };
        let file = OutputFile::new(path);
        let output = Output::new(file.writer()).named(path.display().to_string());
        self.claims.push((Claim::Write(WrittenBy::Output), path.to_owned()));
        self.outputs.push(file.clone());
        self.written.push((output.clone(), file));
        output
    }

    /// A policy for faults. Records that are put aside go to a file, which is created when the run begins, or appended
    /// to.
    pub fn policy(&mut self, faults: &FaultSettings) -> FaultPolicy {
        let file = faults.file().map(|path| {
            let file = DeadLetterFile::new(path.to_owned(), self.positions.clone());
            file.of_whole_records()
        });
        let mut policy = faults.policy(file.as_ref());
        if let Some(start) = &self.start {
            policy = policy.after_faults(start.faults).after_record(start.record);
        }
        self.skipping.extend(policy.skips().then(|| policy.clone()));
        self.claims.extend(file.iter().map(|file| (Claim::Write(WrittenBy::DeadLetters), file.path.clone())));
        self.dead_letters.extend(file);
        policy
    }

    /// Makes the run continue where a checkpoint ends. Call it before policies are made; the sources must have been
    /// [resumed](Source::resumed).
    #[must_use]
    pub fn after(mut self, start: Option<Checkpoint>) -> Self {
        self.start = start;
        self
    }

    /// Saves checkpoints while it runs, of one source, one output file and at most one file of dead letters; with others
    /// the run does not begin. [`save_to`](Self::save_to) has no such limits. Returns what tells where the source's records
    /// stand in its inputs: whatever feeds the source must note that. If all is done in the end, the file is removed.
    pub fn checkpoint(&mut self, settings: CheckpointSettings) -> InputMarks {
        let CheckpointSettings { path, interval, start } = settings;
        self.claims.push((Claim::Write(WrittenBy::Checkpoint), path.clone()));
        let marks = InputMarks::new(start.clone());
        self.start = Some(start);
        self.saving = Some(Saving { path, interval, marks: marks.clone() });
        marks
    }

    /// Adds a source whose input can be read again: for a run that is [saved](Self::save_to).
    pub fn resumable_source<T: Clone + Send + 'static>(
        &mut self,
        name: &str,
        source: &Arc<Source<T>>,
        feed: impl ResumableFeed<T>,
    ) {
        self.sources.push(RunSource::resumable(name, source, feed));
    }

    /// Saves the progress of the whole graph in a file at this interval, as
    /// [`ResumableRun`](crate::checkpoint::ResumableRun) does. If the file exists, the run continues from there: all files that
    /// the run writes are cut back to what belongs to it. All sources must be [resumable](Self::resumable_source), or of a
    /// pipeline file whose sources are.
    pub fn save_to(&mut self, path: impl Into<PathBuf>, interval: Duration) {
        self.resumable = Some((path.into(), interval));
    }

    /// Lets a saved run continue although a plugin, or an option of a node in a pipeline file, has changed.
    pub fn accept_changes(&mut self) {
        self.accepts_changes = true;
    }

    /// Whether a later run can continue this one.
    #[must_use]
    pub fn is_saved(&self) -> bool {
        self.saving.is_some() || self.checkpointer.is_some() || self.resumable.is_some()
    }

    /// Makes sources get hold of what they need, such as an address to listen at. [`run`](Self::run) does so first.
    ///
    /// # Errors
    ///
    /// If a source can't have what it needs.
    pub async fn prepare(&mut self) -> Result<(), Error> {
        self.check_start()?;
        if self.resumable.is_some() {
            self.sources.iter().try_for_each(RunSource::check_resumable)?;
        }
        for source in &mut self.sources {
            source.prepare().await?;
        }
        Ok(())
    }

    /// Feeds all sources until they end, or `stop` is cancelled, and waits until every record has reached its
    /// sink or is a fault. Runs once.
    ///
    /// If the future is dropped, records in progress are not finished: call [`blocking_end`](Self::blocking_end) then.
    ///
    /// # Errors
    ///
    /// The failure that ended the run; [`Error::Closed`] if it was run before, or has no source.
    pub async fn run(&mut self, stop: &CancellationToken) -> Result<(), Error> {
        if self.resumable.is_some() {
            return self.run_saved(stop).await;
        }
        self.prepare().await?;
        let feeders: Option<Vec<_>> = self.sources.iter_mut().map(RunSource::take_feeder).collect();
        let feeders = feeders.filter(|feeders| !feeders.is_empty()).ok_or(Error::Closed)?;
        self.blocking_open(&|| stop.is_cancelled())?;
        let stopping = stop.child_token();
        let fed = feed(feeders, &stopping);
        let ended = match &self.checkpointer {
            None => fed.await,
            Some(checkpointer) => while_saved(fed, checkpointer, &stopping).await,
        };
        let is_done = ended.is_ok() && !stop.is_cancelled();
        let kept = self.end_as(is_done);
        ended.and(kept)
    }

    /// The same, and saves the progress of the whole graph.
    async fn run_saved(&mut self, stop: &CancellationToken) -> Result<(), Error> {
        let (path, interval) = self.resumable.clone().ok_or(Error::Closed)?;
        let mut run = ResumableRun::new(path).every(interval);
        if self.accepts_changes {
            run = run.accept_changes();
        }
        for (what, value) in &self.notes {
            run = run.note(what, value);
        }
        for plugin in &self.plugins {
            run = run.note(&text::path(plugin.path()), plugin.hash());
        }
        for source in &mut self.sources {
            run = source.add_to(run)?;
        }
        self.blocking_open(&|| stop.is_cancelled())?;
        for letters in self.dead_letters.clone() {
            run = run.file(letters.path.clone(), move || letters.follow_path());
        }
        for (output, file) in self.written.iter().filter(|(_, file)| file.is_regular()) {
            let (output, written) = (output.clone(), file.clone());
            run = run.file(file.path(), move || output.flush().and_then(|()| written.follow_path()));
        }
        let ended = run.run(stop).await;
        let kept = self.end_as(false);
        ended.map(drop).and(kept)
    }
}

/// Feeds sources until they end, or a checkpoint can't be saved.
async fn while_saved(
    fed: impl Future<Output = Result<(), Error>>,
    checkpointer: &Checkpointer,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let mut fed = std::pin::pin!(fed);
    tokio::select! {
        ended = &mut fed => ended,
        error = checkpointer.failure() => {
            stop.cancel();
            fed.await.and(Err(error))
        }
    }
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

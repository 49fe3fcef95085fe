//! `engine run --plugin`: a chain of functions that flags name.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::ensure;
use engine::checkpoint::{Checkpoint, Snapshot};
use engine::plugin::{Ahead, Output};
use engine::policy::InputPosition;
use engine::{Error, Fault, FaultPolicy, Monitor, Pool, Source};
use indicatif::{HumanCount, ProgressBar};

use super::inputs::{self, OpenInput};
use super::messages::printer;
use super::output::LateFile;
use super::report::{RunReport, fault_of};
use super::{RunCommand, access};
use crate::checkpoint::{Files, Identity};
use crate::checkpointer::{Checkpointer, Durable};
use crate::drain;
use crate::exit::{EndedBy, Ending, RunFailed, at, tell};
use crate::faults::{DeadLetterFile, InputPositions};
use crate::plugins::{Chain, Crates, Named, Records, component};
use crate::progress::Progress;
use crate::signals;
use crate::threads::runtime;
use crate::wall::Then;

/// The dead letters of a run, and where its inputs begin.
#[derive(Default)]
struct Books {
    dead_letters: DeadLetterFile,
    positions: InputPositions,
}

/// The parts of a run that its report tells of.
struct Parts<'a> {
    pool: &'a Pool,
    source: &'a Source<Records>,
    chain: &'a Chain,
    policy: &'a FaultPolicy,
    books: &'a Books,
}

impl RunCommand {
    /// Runs the chain. Mistakes are found before the output is opened.
    pub(super) fn run_plugins(self) -> anyhow::Result<Ending> {
        let ahead = Ahead::default();
        let Some(components) = self.confined(&ahead)? else { return Ok(Ending::Done) };
        let mut inputs = inputs::open(&self.input)?;
        let (messages, drain) = (self.messages(), self.drain());
        let interrupted = signals::interrupts(drain.clone(), move || messages.tell_aborted())?;
        let mut watching = self.watch.begin(&interrupted, messages)?;
        let known = self.checkpoint.known()?;
        let source = self.source(known.as_ref(), watching.monitor());
        let progress = self.progress(&source);
        let pool = self.pool(progress.bar(), watching.monitor(), &ahead)?;
        // The output is opened last, so that a mistake elsewhere leaves nothing behind.
        let file = Arc::new(OnceLock::new());
        let keep = known.as_ref().map_or(0, |known| known.output.length);
        let name =
            self.output.as_ref().map_or_else(|| "stdout".to_owned(), |path| path.display().to_string());
        let output = Output::new(LateFile::new(file.clone(), keep)).named(name);
        let books = Books::default();
        let policy = self.faults.policy(&books.dead_letters, &books.positions, known.as_ref());
        let Self { plugins, arguments, keys, allow: allowed, .. } = &self;
        let named = Named { plugins, components: &components, arguments, keys, allowed };
        let chain = Chain::open(&pool, &named, &output, &policy)?;
        let start = self.checkpoint.start(known, self.identity(&chain), &self.files())?;
        let opened = self.output_file(&chain, &|| interrupted.initialized());
        if let (Err(_), Some(by)) = (&opened, interrupted.get()) {
            return Ok(Ending::Interrupted { by: EndedBy::Signal(*by), goes_on: false });
        }
        if let Some(opened) = opened? {
            file.get_or_init(|| opened);
        }
        let letters_file = self.faults.create(&books.dead_letters, start.as_ref())?;
        self.resume(start.as_ref(), &books, &mut inputs, &source)?;
        let letters_before = start.as_ref().map_or(0, |start| start.put_aside);
        let written = file.get().map(|file| (file, &output));
        let checkpointer = self.checkpointer(start, &source, written, &books, letters_file)?;
        self.build(&pool, &source, &chain, &output);
        drain.begins(drained(&source, &books.dead_letters, &output));
        let begun = Instant::now();
        let runtime = runtime()?;
        watching.show()?;
        let fed = self.feed_watched(&source, inputs, &books.positions, checkpointer.as_ref(), &watching);
        let ended = runtime.block_on(fed);
        let ended = finish(ended, &books.dead_letters, checkpointer);
        progress.end();
        pool.blocking_close();
        let parts = Parts { pool: &pool, source: &source, chain: &chain, policy: &policy, books: &books };
        watching.end(self.report(&parts, ended, begun.elapsed(), letters_before))
    }

    fn report<'a>(
        &self,
        parts: &Parts<'a>,
        ended: Result<Ending, Error>,
        time: Duration,
        letters_before: u64,
    ) -> RunReport<'a> {
        let Parts { pool, source, chain, policy, books } = *parts;
        let counts = source.progress().counts();
        let (first_fault, left_out) = self.left_out(policy, &books.positions, counts.faults);
        let put_aside =
            self.faults.file().map(|file| (file.to_owned(), letters_before + books.dead_letters.count()));
        RunReport {
            messages: self.messages(),
            result: ended.map_err(|error| {
                let place = fault_of(&error).and_then(|fault| self.place(fault, &books.positions));
                RunFailed { error, place }
            }),
            counts,
            time,
            pool: pool.usage(),
            functions: chain.usage(),
            plugins: chain.loaded(),
            left_out,
            first_fault,
            put_aside: put_aside.into_iter().collect(),
            to_stdout: self.output.is_none(),
        }
    }

    /// The plugins' components, after the wall was raised. `None` if the wall is only shown.
    fn confined(&self, ahead: &Ahead) -> anyhow::Result<Option<Vec<PathBuf>>> {
        let from_stdin = self.input.is_empty() || self.input.iter().any(|path| path == Path::new("-"));
        self.watch.check(from_stdin, self.output.is_none())?;
        ensure!(!self.plugins.is_empty(), "there is no plugin: write --plugin FILE (see engine run --help)");
        self.checkpoint.check()?;
        let crates = if self.wall.is_shown() { Crates::BuiltBefore } else { Crates::Build };
        let components = self.plugins.iter().map(|spec| component(&spec.path, crates));
        let components = components.collect::<anyhow::Result<Vec<_>>>()?;
        let then = self.wall.raise(|| access::rules(self, &components, ahead))?;
        Ok((then != Then::Stop).then_some(components))
    }

    /// The source of the run, which continues from the checkpoint `known`.
    fn source(&self, known: Option<&Checkpoint>, monitor: Option<&Monitor>) -> Arc<Source<Records>> {
        let (states, read, done) =
            known.map_or_else(Default::default, |known| (known.states.clone(), known.read, known.record));
        let source = Source::new().resumed(Snapshot::new(read, states), done);
        let Some(monitor) = monitor else { return Arc::new(source) };
        let source = source.monitored(monitor);
        if let Some(file) = self.faults.file() {
            monitor.puts_aside(file.display().to_string());
        }
        Arc::new(source)
    }

    /// The progress line, shown unless something else is.
    fn progress(&self, source: &Arc<Source<Records>>) -> Progress {
        let progress = Progress::hidden();
        if !self.json {
            let source = source.progress();
            let hidden = self.quiet || self.watch.draws();
            progress.show(Arc::new(move || source.counts()), hidden, self.output.is_none());
        }
        progress
    }

    fn pool(&self, progress: ProgressBar, monitor: Option<&Monitor>, ahead: &Ahead) -> anyhow::Result<Pool> {
        let builder =
            self.limits.pool()?.ahead(ahead).instances(self.instances()).on_print(printer(progress.clone()));
        let builder = if self.instances() <= 1000 { builder.keep_room() } else { builder };
        let builder = match self.threads {
            Some(threads) => builder.threads(threads.into()),
            None if self.sequential => builder.threads(1),
            None => builder,
        };
        let builder = monitor.into_iter().fold(builder, engine::pool::PoolBuilder::monitor);
        #[cfg(feature = "cluster")]
        if let Some(cluster) =
            self.cluster.cluster(self.checkpoint.run_name(), self.messages().notices(progress))
        {
            return Ok(builder.cluster(cluster).blocking_build()?);
        }
        Ok(builder.build()?)
    }

    /// The most instances: a large buffer means that functions should wait in parallel.
    fn instances(&self) -> usize {
        let many = self.buffer.unwrap_or(0).clamp(1000, 10_000);
        self.instances.unwrap_or(many) as usize
    }

    /// The run's files, as its checkpoint names them.
    fn files(&self) -> Files<'_> {
        Files { inputs: &self.input, output: self.output.as_deref(), letters: self.faults.file() }
    }

    /// Moves the inputs to the position of the checkpoint `start`, if there is one.
    fn resume(
        &self,
        start: Option<&Checkpoint>,
        books: &Books,
        inputs: &mut Vec<OpenInput>,
        source: &Source<Records>,
    ) -> anyhow::Result<()> {
        if let Some(start) = start {
            books.positions.resume(start);
            self.tell_resumed(start);
            inputs::go_to(inputs, start)?;
        }
        let read_before: u64 = inputs.iter().map(|input| input.offset).sum();
        source.expects(inputs::bytes(&self.input).saturating_sub(read_before));
        Ok(())
    }

    fn tell_resumed(&self, start: &Checkpoint) {
        if start.record == 0 || self.quiet || self.json {
            return;
        }
        let record = HumanCount(start.record);
        match start.record - start.read {
            0 => tell(format_args!("engine: continuing after record {record}")),
            again => tell(format_args!(
                "engine: continuing after record {record}; for the states of functions, {} before that {} \
                 read again",
                HumanCount(again),
                if again == 1 { "is" } else { "are" }
            )),
        }
    }

    /// Begins to save checkpoints, if the run has an output file and `--checkpoint`.
    fn checkpointer(
        &self,
        start: Option<Checkpoint>,
        source: &Arc<Source<Records>>,
        written: Option<(&File, &Output)>,
        books: &Books,
        letters_file: Option<File>,
    ) -> anyhow::Result<Option<Checkpointer>> {
        let Some((file, output)) = written else { return Ok(None) };
        let (output, dead_letters, output_file) =
            (output.clone(), books.dead_letters.clone(), file.try_clone()?);
        let durable = Durable { output, output_file, dead_letters, letters_file };
        Ok(self.checkpoint.begin(start, &source.progress(), durable)?)
    }

    /// The first fault that was skipped, how many records were left out, and a text about the first of them.
    fn left_out<'a>(
        &self,
        policy: &'a FaultPolicy,
        positions: &InputPositions,
        faults: u64,
    ) -> (Option<&'a Fault>, (u64, Option<String>)) {
        let Some(first) = policy.first_fault().filter(|_| self.faults.skips()) else {
            return (None, (0, None));
        };
        let told = self.place(first, positions).map_or_else(|| first.to_string(), |place| at(first, &place));
        (Some(first), (faults, Some(told)))
    }

    /// A description of what is run. A checkpoint of another run has another one.
    fn identity(&self, chain: &Chain) -> Identity {
        let mut pipeline: Vec<_> = chain.signatures().map(|signature| signature.name.clone()).collect();
        pipeline.extend(self.arguments.iter().map(|argument| format!("--arg {argument}")));
        pipeline.extend(self.keys.iter().map(|key| format!("--key {key}")));
        pipeline.extend(self.null.then(|| "--null".to_owned()));
        // The flag's first name: a checkpoint that was saved under it stays valid.
        pipeline.extend(self.faults.dead_letters.then(|| "--letters".to_owned()));
        let plugins = chain.plugins.iter().map(|plugin| plugin.hash().to_owned()).collect();
        let states = chain.stages.iter().filter(|stage| stage.accumulates()).count();
        Identity { pipeline, plugins, states }
    }

    /// The position of a fault's record, if there are several inputs.
    fn place(&self, fault: &Fault, positions: &InputPositions) -> Option<InputPosition> {
        positions.find(fault.record).filter(|_| self.input.len() > 1)
    }
}

/// Writes out the records that were put aside, also if the run failed, and ends the checkpoints.
fn finish(
    ended: Result<Ending, Error>,
    dead_letters: &DeadLetterFile,
    checkpointer: Option<Checkpointer>,
) -> Result<Ending, Error> {
    let flushed = dead_letters.flush();
    let ended = ended.and_then(|ending| flushed.map(|()| ending));
    let saved = checkpointer.map_or(Ok(()), |it| it.end(matches!(ended, Ok(Ending::Done))));
    ended.and_then(|ending| saved.map(|()| ending))
}

/// What is done with the run if it exceeds its drain timeout.
fn drained(
    source: &Arc<Source<Records>>,
    dead_letters: &DeadLetterFile,
    output: &Output,
) -> drain::DrainedRun {
    let (source, dead_letters, output) = (source.progress(), dead_letters.clone(), output.clone());
    drain::DrainedRun {
        counts: Box::new(move || source.counts()),
        // What can't be written is lost, like everything else that is not finished.
        flush: Arc::new(move || drop((dead_letters.flush(), output.flush()))),
    }
}

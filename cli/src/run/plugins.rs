//! `engine run --plugin`: a chain of functions that flags name.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::ensure;
use engine::checkpoint::{Checkpoint, Snapshot};
use engine::plugin::Ahead;
use engine::run::Run;
use engine::{FaultPolicy, Monitor, Pool, Source};
use indicatif::{HumanCount, ProgressBar};

use super::feed::Inputs;
use super::inputs::{self, OpenInput};
use super::messages::printer;
use super::ready::ReadyRun;
use super::{RunCommand, access};
use crate::checkpoint::{Files, Identity};
use crate::exit::{EndedBy, Ending, tell};
use crate::plugins::{Chain, Crates, Named, Records, Stage, component};
use crate::progress::Progress;
use crate::signals;
use crate::threads::runtime;
use crate::wall::Then;

impl RunCommand {
    /// Runs the chain. Mistakes are found before the output is opened.
    pub(super) fn run_plugins(self) -> anyhow::Result<Ending> {
        let ahead = Ahead::default();
        let Some(components) = self.confined(&ahead)? else { return Ok(Ending::Done) };
        let inputs = inputs::open(&self.input)?;
        let (messages, drain) = (self.messages(), self.drain());
        let interrupted = signals::interrupts(drain.clone(), move || messages.tell_aborted())?;
        let watching = self.watch.begin(&interrupted, messages)?;
        let known = self.checkpoint.known()?;
        let source = self.source(known.as_ref(), watching.monitor());
        let progress = self.progress(&source);
        let pool = self.pool(progress.bar(), watching.monitor(), &ahead)?;
        let mut run = Run::new(&pool).after(known.clone());
        let (chain, policy) = self.chain(&mut run, &pool, &components, &source)?;
        let start = self.checkpoint.start(known, self.identity(&chain), &self.files())?;
        let (record, read) = start.as_ref().map_or((0, 0), |start| (start.record, start.read));
        self.feed(&mut run, (inputs, policy), start, &source)?;
        // The output is opened last, so that a mistake elsewhere leaves nothing behind.
        let opened = run.blocking_open(&|| watching.interrupted().is_some());
        if let (Err(_), Some(by)) = (&opened, watching.interrupted()) {
            return Ok(Ending::Interrupted { by: EndedBy::Signal(by), goes_on: false });
        }
        opened?;
        self.tell_resumed(record, read);
        let (runtime, names_inputs) = (runtime()?, self.input.len() > 1);
        let exits_zero = self.faults.exit_zero;
        ReadyRun { run, messages, drain, watching, progress, runtime, names_inputs, exits_zero }.execute()
    }

    /// Loads the functions, and connects them to the source and the output of the run.
    fn chain(
        &self,
        run: &mut Run,
        pool: &Pool,
        components: &[PathBuf],
        source: &Source<Records>,
    ) -> anyhow::Result<(Chain, FaultPolicy)> {
        self.input
            .iter()
            .for_each(|path| if path == Path::new("-") { run.reads_stdin() } else { run.reads(path) });
        if self.input.is_empty() {
            run.reads_stdin();
        }
        self.watch.file().into_iter().for_each(|path| run.keeps_away_from(path));
        let output = run.output(self.output.as_deref());
        let policy = run.policy(&self.faults.settings());
        let Self { plugins, arguments, keys, allow: allowed, .. } = self;
        let named = Named { plugins, components, arguments, keys, allowed };
        let chain = Chain::open(pool, &named, &output, &policy)?;
        chain.plugins.iter().for_each(|plugin| run.loads(plugin));
        chain
            .stages
            .iter()
            .for_each(|Stage { function, .. }| run.calls(&function.signature().name, function));
        chain.sink.iter().for_each(|sink| run.calls(&sink.signature().name, sink));
        self.build(pool, source, &chain, &output);
        Ok((chain, policy))
    }

    /// Feeds the run from its inputs, from where the checkpoint `start` says, if there is one.
    fn feed(
        &self,
        run: &mut Run,
        (mut inputs, policy): (Vec<OpenInput>, FaultPolicy),
        start: Option<Checkpoint>,
        source: &Arc<Source<Records>>,
    ) -> anyhow::Result<()> {
        if let Some(start) = &start {
            inputs::go_to(&mut inputs, start)?;
        }
        let read_before: u64 = inputs.iter().map(|input| input.offset).sum();
        source.expects(inputs::bytes(&self.input).saturating_sub(read_before));
        let marks = self.checkpoint.settings(start).map(|settings| run.checkpoint(settings));
        let (dead_letters, separator) = (self.faults.dead_letters, self.separator());
        run.source("source", source, Inputs { inputs, dead_letters, separator, policy, marks });
        Ok(())
    }

    /// The plugins' components, after the wall was raised. `None` if the wall is only shown.
    fn confined(&self, ahead: &Ahead) -> anyhow::Result<Option<Vec<PathBuf>>> {
        let from_stdin = self.input.is_empty() || self.input.iter().any(|path| path == Path::new("-"));
        self.watch.check(from_stdin, self.output.is_none())?;
        ensure!(
            self.faults.file().is_some() || !self.faults.exit_zero,
            "--exit-zero is for records that are put aside: add --on-fault divert=FILE"
        );
        ensure!(!self.plugins.is_empty(), "there is no plugin: write --plugin FILE (see engine run --help)");
        let are_files = !self.input.is_empty() && self.output.is_some();
        ensure!(
            self.checkpoint.file().is_none() || are_files,
            "--checkpoint needs files: give it --input and --output"
        );
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
        Arc::new(match monitor {
            Some(monitor) => source.monitored(monitor),
            None => source,
        })
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

    /// The run continues after `record`; its inputs are read again after the record `read`.
    fn tell_resumed(&self, record: u64, read: u64) {
        if record == 0 || self.quiet || self.json {
            return;
        }
        let again = record - read;
        let record = HumanCount(record);
        match again {
            0 => tell(format_args!("engine: continuing after record {record}")),
            again => tell(format_args!(
                "engine: continuing after record {record}; for the states of functions, {} before that {} \
                 read again",
                HumanCount(again),
                if again == 1 { "is" } else { "are" }
            )),
        }
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
}

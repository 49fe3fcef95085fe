//! `engine run`: records from a file or pipe, through functions, to a file or pipe.

mod graph;
mod inputs;
mod output;
mod page;
mod pipeline;
mod reach;
mod report;
mod watching;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use engine::pipeline::PipelineFile;
use engine::{Ahead, Error, Fault, Monitor, Output, Place, Pool, Print, Snapshot, Source, files, sources};
use indicatif::{HumanCount, ProgressBar};
use tokio::sync::SetOnce;

use self::inputs::Input;
use self::output::Late;
use self::report::{Report, fault_of};
use self::watching::WatchArgs;
use super::args::{Allowed, Argument, KeyArg, PluginSpec};
use super::checkpoint::{CheckpointArgs, Files, Identity, is_same};
use super::checkpointer::{Checkpointer, Durable};
#[cfg(feature = "cluster")]
use super::cluster::ClusterArgs;
use super::drain::{self, Drain, drain_time};
use super::exit::{EndedBy, Ending, RunFailed, Signal, at, tell};
use super::faults::{Faults, Letters, Places};
use super::limits::{LimitArgs, compiling_pool};
use super::plugins::{Chain, Components, Crates, Named, Records, component};
use super::progress::Progress;
use super::summary::counted;
use super::terminal::tell_json;
use super::threads::runtime;
use super::wall::{Then, WallArgs};
use super::{signals, top};

/// Run records through plugins' functions
///
/// A record is a line. Each goes through the functions in the order in which they are given; results
/// come out in the order of their records. A record that a function fails for is a fault: it ends
/// the run, after all records before it are out, unless --on-fault says otherwise.
///
/// Functions run in sandboxes: without files, network, environment or time of day unless --allow gives
/// them, and with limits on time (10 s a record) and memory (64 MiB an instance).
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, override_usage = "engine run [OPTIONS] --plugin FILE[:FUNCTION]...\n       engine run [--quiet] [--json] [--dashboard] [--tui] [--hold]\n                  [--report FILE.html] [--otlp ADDR] [--cluster URL] PIPELINE.toml")]
pub(crate) struct RunCommand {
    /// A plugin and its function, if it has several; repeat it to make a chain
    ///
    /// The plugin is a .wasm file, or a plugin crate's folder, which is built if it changed: that runs the
    /// crate's build scripts and macros as you. A sink comes last: what it prints is the output.
    #[arg(short, long = "plugin", value_name = "FILE[:FUNCTION]")]
    plugins: Vec<PluginSpec>,
    /// A pipeline file (.toml), which says all that the flags below say
    #[arg(value_name = "PIPELINE")]
    words: Vec<String>,
    /// An argument of a function; of the second plugin: 2.NAME=VALUE
    #[arg(short, long = "arg", value_name = "NAME=VALUE")]
    arguments: Vec<Argument>,
    /// The field of records that are JSON (or the item, by number) for whose values a function keeps a state
    /// each; of the second plugin: 2.FIELD
    #[arg(long = "key", value_name = "FIELD")]
    keys: Vec<KeyArg>,
    /// Let functions that need it have this: dir:PATH, dir:PATH:ro, dir:PATH:quota=SIZE (1GiB),
    /// net:HOST:PORT, env:NAME, clock or random; only those of the second plugin: 2.CAPABILITY
    #[arg(long, value_name = "CAPABILITY")]
    allow: Vec<Allowed>,

    /// Read these files one after another, not stdin (- is stdin)
    #[arg(short, long, value_name = "FILE", num_args = 1.., help_heading = "Input and output")]
    input: Vec<PathBuf>,
    /// Write to this file, not stdout (- is stdout)
    #[arg(short, long, value_name = "FILE", help_heading = "Input and output")]
    output: Option<PathBuf>,
    /// Records end with a NUL byte, not a newline
    #[arg(short = '0', long, help_heading = "Input and output")]
    null: bool,
    /// Results may come out as soon as they are there; up to a function that accumulates they keep their order
    #[arg(long, help_heading = "Input and output")]
    unordered: bool,

    /// Threads that run functions [default: one a core]
    #[arg(
        short,
        long,
        short_alias = 'w',
        alias = "workers",
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..),
        help_heading = "Pool"
    )]
    threads: Option<u16>,
    /// Instances at most; there are more of them than threads only while functions wait [default: 1000,
    /// or as many as --buffer says, up to 10000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Pool")]
    instances: Option<u32>,
    /// Unfinished records at most; then the input waits [default: 131072 per thread, but at least 262144;
    /// with --cluster 4194304]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Pool")]
    buffer: Option<u32>,
    /// One instance, one record at a time, no pool: to compare with
    #[arg(long, conflicts_with_all = ["threads", "instances", "buffer", "unordered"], help_heading = "Pool")]
    sequential: bool,

    /// What was taken in may take so long to be finished after the first Ctrl-C; 0 ends the run at once [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = drain_time, help_heading = "Pool")]
    drain_timeout: Option<Duration>,

    #[command(flatten)]
    limits: LimitArgs,

    #[command(flatten)]
    wall: WallArgs,

    #[command(flatten)]
    faults: Faults,

    #[command(flatten)]
    checkpoint: CheckpointArgs,

    #[cfg(feature = "cluster")]
    #[command(flatten)]
    cluster: ClusterArgs,

    #[command(flatten)]
    watch: WatchArgs,

    /// No progress line, and no summary but that of --json
    #[arg(short, long, help_heading = "Messages")]
    quiet: bool,
    /// The summary as JSON, on stderr
    #[arg(long, help_heading = "Messages")]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  seq 1 10 | engine run --plugin inc.wasm
  engine run -p parse.wasm -p redact.wasm:emails -a mask=x -i log -o clean
  tail -f access.log | engine run -p parse.wasm -p print.wasm
  engine run -p fetch.wasm --allow net:example.org:443 --retries 3
  engine run -p parse.wasm -i log -o clean --on-fault divert=dead.ndjson
  engine run -p parse.wasm -i dead.ndjson --letters -o mended
  engine run -p parse.wasm -i log -o clean --checkpoint clean.checkpoint
  engine run -p parse.wasm -p total.wasm --key user -i log
  engine run pipeline.toml --dashboard
  engine run -p parse.wasm -i log -o clean --tui

Exit codes:
  0    done; also when the reader of the output closes it
  1    the run failed, put records aside, or did not end within --drain-timeout
  2    wrong use: nothing was run
  129  the same as 130 when the terminal goes (SIGHUP), unless nohup says that this is nothing to it
  130  interrupted: the first Ctrl-C finishes what was taken in, the second aborts
  143  the same by SIGTERM, or ended by somebody at the dashboard
  152  the same at the soft limit on processor time (ulimit -S -t); it aborts nothing";

impl RunCommand {
    /// Runs; `given` tells the flags that were given, by their long names.
    pub(crate) fn execute(mut self, given: impl FnOnce() -> Vec<String>) -> anyhow::Result<Ending> {
        self.output = self.output.filter(|path| path != Path::new("-"));
        if let [path] = self.words.as_slice()
            && path.ends_with(".toml")
        {
            let mut flags = given().into_iter();
            if let Some(flag) = flags.find(|flag| !goes_with_a_pipeline(flag)) {
                bail!("--{flag} does not go with a pipeline file: say it in {path}");
            }
            return self.run_pipeline(Path::new(path));
        }
        if let Some(word) = self.words.first() {
            bail!(alone(word, &self.words));
        }
        let from_stdin = self.input.is_empty() || self.input.iter().any(|path| path == Path::new("-"));
        self.watch.check(from_stdin, self.output.is_none())?;
        ensure!(!self.plugins.is_empty(), "there is no plugin: write --plugin FILE (see engine run --help)");
        let crates = if self.wall.is_shown() { Crates::BuiltBefore } else { Crates::Build };
        let components = self.plugins.iter().map(|spec| component(&spec.path, crates));
        let components = components.collect::<anyhow::Result<Vec<_>>>()?;
        let ahead = Ahead::default();
        if self.wall.raise(|| reach::rules(&self, &components, &ahead))? == Then::Stop {
            return Ok(Ending::Done);
        }
        let mut inputs = inputs::open(&self.input)?;
        let messages = self.messages();
        let drain = self.drain();
        let interrupted = signals::interrupts(drain.clone(), move || messages.tell_aborted())?;
        let mut watching = self.watch.begin(&interrupted, messages)?;
        let known = self.checkpoint.known()?;
        let progress = Progress::hidden();
        let (states, read, done) = known
            .as_ref()
            .map_or_else(Default::default, |known| (known.states.clone(), known.read, known.record));
        let mut source = Source::new().resumed(Snapshot { record: read, states }, done);
        if let Some(monitor) = watching.monitor() {
            source = source.monitored(monitor);
            if let Some(file) = self.faults.file() {
                monitor.puts_aside(file.display().to_string());
            }
        }
        let source = Arc::new(source);
        if !self.json {
            let source = source.clone();
            let hidden = self.quiet || self.watch.draws();
            progress.show(Arc::new(move || source.counts()), hidden, self.output.is_none());
        }
        let pool = self.pool(progress.bar(), watching.monitor(), &ahead)?;
        // The output is opened last, so that a mistake elsewhere leaves nothing behind.
        let file = Arc::new(OnceLock::new());
        let keep = known.as_ref().map_or(0, |known| known.output.length);
        let output = Output::new(Late::new(file.clone(), keep));
        let (letters, places) = (Letters::default(), Places::default());
        let policy = self.faults.policy(&letters, &places, known.as_ref());
        let Self { plugins, arguments, keys, allow: allowed, .. } = &self;
        let chain = Chain::open(
            &pool,
            &Named { plugins, components: &components, arguments, keys, allowed },
            &output,
            &policy,
        )?;
        let files =
            Files { inputs: &self.input, output: self.output.as_deref(), letters: self.faults.file() };
        let start = self.checkpoint.start(known, self.identity(&chain), &files)?;
        let opened = self.output_file(&chain, &|| interrupted.initialized());
        if let (Err(_), Some(by)) = (&opened, interrupted.get()) {
            return Ok(Ending::Interrupted { by: EndedBy::Signal(*by), goes_on: false });
        }
        if let Some(opened) = opened? {
            file.get_or_init(|| opened);
        }
        let letters_file = self.faults.create(&letters, start.as_ref())?;
        if let Some(start) = &start {
            places.resume(start);
            if start.record > 0 && !self.quiet && !self.json {
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
            inputs::go_to(&mut inputs, start)?;
        }
        let read_before: u64 = inputs.iter().map(|input| input.offset).sum();
        source.expects(inputs::bytes(&self.input).saturating_sub(read_before));
        let letters_before = start.as_ref().map_or(0, |start| start.put_aside);
        let checkpointer = match file.get() {
            Some(output_file) => {
                let (output, letters, output_file) =
                    (output.clone(), letters.clone(), output_file.try_clone()?);
                let durable = Durable { output, output_file, letters, letters_file };
                self.checkpoint.begin(start, &source, durable)?
            }
            None => None,
        };
        self.build(&pool, &source, &chain, &output);
        let (counted, kept) = (source.clone(), letters.clone());
        drain.begins(drain::Run {
            counts: Box::new(move || counted.counts()),
            // What can't be written is lost, as all else that is not finished.
            flush: Arc::new(move || drop(kept.flush())),
        });
        let begun = Instant::now();
        let runtime = runtime()?;
        watching.show()?;
        let ended = runtime.block_on(async {
            let signal = async {
                let by = *watching.ending().wait().await;
                // Reading stops by itself.
                tokio::time::sleep(SOON).await;
                self.messages().tell_interrupted(by, source.counts().unfinished);
                std::future::pending::<()>().await;
            };
            tokio::select! {
                ended = self.feed(&source, inputs, &places, checkpointer.as_ref(), watching.ending()) => ended,
                () = signal => Ok(Ending::Done),
                () = watching.obey() => Ok(Ending::Stopped),
            }
        });
        // What was put aside before a failure stays.
        let flushed = letters.flush();
        let ended = ended.and_then(|ending| flushed.map(|()| ending));
        let kept =
            checkpointer.map_or(Ok(()), |checkpointer| checkpointer.end(matches!(ended, Ok(Ending::Done))));
        let ended = ended.and_then(|ending| kept.map(|()| ending));
        progress.end();
        pool.close();
        let result = ended.map_err(|error| {
            let place = fault_of(&error).and_then(|fault| self.place(fault, &places));
            RunFailed { error, place }
        });
        let counts = source.counts();
        let first_fault = policy.first_fault().filter(|_| self.faults.skips());
        let told = |fault: &Fault| {
            self.place(fault, &places).map_or_else(|| fault.to_string(), |place| at(fault, &place))
        };
        let file = self.faults.file().map(Path::to_owned);
        let report = Report {
            messages: self.messages(),
            result,
            counts,
            time: begun.elapsed(),
            pool: pool.usage(),
            functions: chain.usage(),
            plugins: chain.loaded(),
            left_out: (if first_fault.is_some() { counts.faults } else { 0 }, first_fault.map(told)),
            first_fault,
            put_aside: file.map(|file| (file, letters_before + letters.count())).into_iter().collect(),
            to_stdout: self.output.is_none(),
        };
        watching.end(report)
    }

    /// What is run, in words: another checkpoint's run is told from it.
    fn identity(&self, chain: &Chain) -> Identity {
        let mut pipeline: Vec<_> = chain.signatures().map(|signature| signature.name.clone()).collect();
        pipeline.extend(self.arguments.iter().map(|argument| format!("--arg {argument}")));
        pipeline.extend(self.keys.iter().map(|key| format!("--key {key}")));
        pipeline.extend(self.null.then(|| "--null".to_owned()));
        pipeline.extend(self.faults.letters.then(|| "--letters".to_owned()));
        let plugins = chain.plugins.iter().map(|plugin| plugin.hash().to_owned()).collect();
        let states = chain.stages.iter().filter(|stage| stage.accumulates()).count();
        Identity { pipeline, plugins, states }
    }

    /// Where a fault's record stands, among several inputs.
    fn place(&self, fault: &Fault, places: &Places) -> Option<Place> {
        places.find(fault.record).filter(|_| self.input.len() > 1)
    }

    /// Emits all inputs, and waits until every record has reached its end.
    async fn feed(
        &self,
        source: &Source<Records>,
        inputs: Vec<Input>,
        places: &Places,
        checkpointer: Option<&Checkpointer>,
        ending: &Arc<SetOnce<EndedBy>>,
    ) -> Result<Ending, Error> {
        let unsaved = checkpointer.map(Checkpointer::failed).unwrap_or_default();
        let mut emitted = Ok(());
        for Input { index, name, reader, offset, skip } in inputs {
            let first = places.begin(&name, source.last_number() + 1);
            let (stop, failed) = (ending.clone(), unsaved.clone());
            let stop = async move {
                tokio::select! {
                    _ = stop.wait() => {}
                    _ = failed.wait() => {}
                }
            };
            let lines = if self.faults.letters {
                sources::dead_letters(reader)
            } else {
                sources::lines(reader).separated_by(self.separator())
            };
            let mut lines = lines.skipping(skip).until(stop);
            if let Some(checkpointer) = checkpointer {
                lines = lines.marking(checkpointer.marks(index, offset, first));
            }
            emitted = lines.emit_into(source).await;
            if emitted.is_err() || ending.initialized() || unsaved.initialized() {
                break;
            }
        }
        source.close().await.and(emitted)?;
        if let Some(error) = unsaved.get() {
            return Err(error.clone());
        }
        let goes_on = checkpointer.is_some();
        Ok(ending.get().map_or(Ending::Done, |by| Ending::Interrupted { by: *by, goes_on }))
    }

    fn drain(&self) -> Drain {
        Drain::new(self.drain_timeout, self.json)
    }

    fn messages(&self) -> Messages {
        Messages { quiet: self.quiet, json: self.json }
    }

    fn separator(&self) -> u8 {
        if self.null { 0 } else { b'\n' }
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
        let builder = monitor.into_iter().fold(builder, engine::PoolBuilder::monitor);
        #[cfg(feature = "cluster")]
        let builder = {
            let cluster = self.cluster.cluster(self.checkpoint.run_name(), self.messages().notices(progress));
            cluster.into_iter().fold(builder, engine::PoolBuilder::cluster)
        };
        Ok(builder.build()?)
    }

    fn run_pipeline(&self, path: &Path) -> anyhow::Result<Ending> {
        let file = PipelineFile::read(path)?;
        let components = Components::default();
        let ahead = Ahead::default();
        if self.wall.raise(|| reach::of_pipeline(self, &file, &components, &ahead))? == Then::Stop {
            return Ok(Ending::Done);
        }
        let pool = compiling_pool()?.ahead(&ahead);
        #[cfg(feature = "cluster")]
        let pool = self
            .cluster
            .cluster(None, self.messages().notices(ProgressBar::hidden()))
            .into_iter()
            .fold(pool, engine::PoolBuilder::cluster);
        pipeline::run(&file, pool, self.messages(), &self.watch, &self.drain(), &components)
    }

    /// The output file, opened but not changed yet: it stays as it is if there is a mistake elsewhere.
    fn output_file(&self, chain: &Chain, stop: &dyn Fn() -> bool) -> anyhow::Result<Option<File>> {
        let report = self.watch.file();
        for path in self.output.iter().map(PathBuf::as_path).chain(self.faults.file()).chain(report) {
            let input = self.input.iter().any(|input| is_same(input, path));
            ensure!(!input, "can't write {}: it is an input too", path.display());
            let plugin = chain.plugins.iter().any(|plugin| is_same(plugin.path(), path));
            ensure!(!plugin, "can't write {}: it is a plugin that runs", path.display());
        }
        if let Some(report) = report {
            let others = self.output.iter().map(PathBuf::as_path).chain(self.faults.file());
            let twice = others.chain(self.checkpoint.file()).any(|other| is_same(other, report));
            ensure!(
                !twice,
                "can't write the report to {}: something else is written there",
                report.display()
            );
        }
        let Some(path) = &self.output else { return Ok(None) };
        let twice = self.faults.file().is_some_and(|file| is_same(file, path));
        ensure!(!twice, "can't write {}: records are put aside in it", path.display());
        let file = files::create(path, files::Mode::Keep, stop);
        let file = file.with_context(|| format!("can't write {}", path.display()))?;
        // Not every file system knows locks, and who writes to a device shares it.
        let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
        let is_taken = is_file && matches!(file.try_lock(), Err(TryLockError::WouldBlock));
        ensure!(!is_taken, "can't write {}: another run writes it, and has not ended", path.display());
        Ok(Some(file))
    }

    /// Who wants many records under way wants them to wait side by side.
    fn instances(&self) -> usize {
        let many = self.buffer.unwrap_or(0).clamp(1000, 10_000);
        self.instances.unwrap_or(many) as usize
    }
}

/// Whether a flag of this name is for pipeline files too.
fn goes_with_a_pipeline(flag: &str) -> bool {
    #[cfg(feature = "cluster")]
    if ClusterArgs::has(flag) {
        return true;
    }
    matches!(flag, "quiet" | "json" | "drain-timeout" | "wall") || WatchArgs::has(flag)
}

/// A run that ends within this time need not be explained.
const SOON: Duration = Duration::from_millis(250);

/// How a run is told.
#[derive(Clone, Copy)]
struct Messages {
    quiet: bool,
    json: bool,
}

impl Messages {
    /// A second signal ends the run at once.
    fn tell_aborted(self) {
        match self {
            Self { json: true, .. } => tell_json(&serde_json::json!({ "ended": "aborted" })),
            Self { quiet: true, .. } => {}
            _ => tell(format_args!("engine: aborted: what was taken in is not finished")),
        }
    }

    /// Tells what a run waits for, above the progress line.
    #[cfg(feature = "cluster")]
    fn notices(self, progress: ProgressBar) -> impl Fn(&str) + Send + Sync {
        move |line| {
            if !self.quiet && !self.json && !top::is_shown() {
                progress.suspend(|| tell(format_args!("engine: {line}")));
            }
        }
    }

    /// Somebody told the run to end, which may take a while.
    fn tell_interrupted(self, by: EndedBy, unfinished: u64) {
        if self.quiet || self.json {
            return;
        }
        let what = match unfinished {
            0 => "finishing what was taken in".to_owned(),
            records => format!("finishing {}", counted(records, "record")),
        };
        let aborts = match by {
            EndedBy::Signal(Signal::CpuTime) => "Ctrl-C aborts",
            EndedBy::Signal(_) => "a second Ctrl-C aborts",
            EndedBy::Watcher => "Ctrl-C twice aborts",
        };
        tell(format_args!("engine: {by}: {what}; {aborts}"));
    }
}

/// What a word that belongs to no flag may have been meant as.
fn alone(word: &str, words: &[String]) -> String {
    let pipeline = words.iter().find(|word| word.ends_with(".toml"));
    let is_plugin = word.contains(".wasm");
    match pipeline {
        Some(pipeline) if words.len() > 1 => {
            format!("{pipeline} is a pipeline file, which is run alone: engine run {pipeline}")
        }
        _ if is_plugin => format!("{word} stands alone: write --plugin {word}"),
        _ => format!("{word} stands alone: write --input {word} for an input, --plugin {word} for a plugin"),
    }
}

/// Shows what functions print, above the progress line. A screen shows it by itself.
fn printer(progress: ProgressBar) -> impl Fn(Print) + Send + Sync {
    move |print| {
        if !top::is_shown() {
            progress.suspend(|| tell(format_args!("{print}")));
        }
    }
}

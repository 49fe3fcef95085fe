//! `engine worker`: runs functions for the runs of a cluster.

use std::cell::Cell;
use std::convert::Infallible;
use std::ffi::OsString;
use std::path::PathBuf;
#[cfg(unix)]
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use engine::cluster::{Broker, Worker, WorkerNotice};
use engine::pool::PoolBuilder;
use engine::wall::{Program, Rules};
use engine::{CancellationToken, Capability, Pool};
use etcetera::BaseStrategy;
use tokio::sync::SetOnce;

use super::cluster::BrokerArgs;
use super::drain::{self, Drain, drain_time};
use super::exit::{Ending, Signal, tell};
use super::hint;
use super::limits::LimitArgs;
use super::signals;
use super::summary::forbidden;
use super::threads::asking_runtime;
use super::wall::{Then, WallArgs};

/// Run functions for the runs of a cluster, until Ctrl-C
///
/// Any number of workers may join and leave at any time, on any machines; runs continue. The first Ctrl-C or
/// SIGTERM finishes the tasks that were begun and takes no more; the second ends the worker at once, and other
/// workers get its tasks. The limits below bound what functions may use here: the worker does not serve a run
/// that wants more.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct WorkerCommand {
    /// The NATS server: nats://HOST:PORT or tls://HOST:PORT; several servers with commas
    #[arg(long, value_name = "URL", required_unless_present = "isolated")]
    cluster: Option<Broker>,
    /// Threads that run functions [default: one per core]
    #[arg(
        short,
        long,
        short_alias = 'w',
        alias = "workers",
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    threads: Option<u16>,
    /// Allow runs to grant this to functions that need it: dir:PATH, dir:PATH:ro, dir:PATH:quota=SIZE,
    /// net:HOST:PORT, env:NAME, clock or random
    #[arg(long, value_name = "CAPABILITY")]
    allow: Vec<Capability>,
    /// Time to finish the tasks that were begun after the first Ctrl-C; 0 leaves at once
    #[arg(long, value_name = "TIME", default_value = drain::DEFAULT, value_parser = drain_time)]
    drain_timeout: Duration,
    /// Print nothing
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    broker: BrokerArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    wall: WallArgs,
    /// Run the one task that comes on stdin
    #[arg(long, hide = true)]
    isolated: bool,
}

const EXAMPLES: &str = "\
Examples:
  engine worker --cluster nats://broker:4222
  engine worker --cluster tls://broker:4222 --cluster-credentials worker.creds
  engine worker --cluster nats://broker:4222 --memory 256MiB --allow clock

Exit codes:
  0   it has left the cluster
  1   it did not finish within --drain-timeout
  2   the command is wrong, or the broker can't be reached
  75  it lost threads to a file system that does not answer: start it again";

/// The longest time for saying that it has left.
const FAREWELL: Duration = Duration::from_secs(1);

impl WorkerCommand {
    pub(crate) fn execute(self) -> anyhow::Result<Ending> {
        if self.wall.raise(|| self.rules())? == Then::Stop {
            return Ok(Ending::Done);
        }
        let builder = self.pool()?;
        if self.isolated {
            return self.serve_one_task(builder);
        }
        if let Some(line) = forbidden() {
            self.notices().tell(format_args!("{line}"));
        }
        let broker = self.broker.apply(self.cluster.as_ref().context("--cluster is missing")?);
        let interrupted = self.interrupts()?;
        let pool = builder.build()?;
        let worker = self.worker(broker, &pool)?;
        self.serve(worker, &pool, &interrupted)
    }

    /// The pool that functions run in. What is compiled is kept by a process apart, for others to run.
    fn pool(&self) -> anyhow::Result<PoolBuilder> {
        let quiet = self.quiet;
        let builder = self.limits.pool()?.compiler(self.limits.keeping_compiler()?);
        let builder = builder.on_print(move |print| {
            if !quiet {
                tell(format_args!("{print}"));
            }
        });
        Ok(self.threads.into_iter().fold(builder, |builder, threads| builder.threads(threads.into())))
    }

    /// Runs the task that comes on stdin, in a process that a worker started for it.
    fn serve_one_task(&self, builder: PoolBuilder) -> anyhow::Result<Ending> {
        signals::ignore()?;
        let pool = builder.threads(1).build()?;
        Worker::serve_isolated(&pool, &self.allow)?;
        Ok(Ending::Done)
    }

    /// Listens to signals: the first one lets the worker leave, the second ends the process.
    fn interrupts(&self) -> anyhow::Result<Arc<SetOnce<Signal>>> {
        let notices = self.notices();
        signals::interrupts(Drain::new(Some(self.drain_timeout), false), move || {
            notices.tell(format_args!("left at once: other workers get the tasks that were begun"));
        })
    }

    fn worker(&self, broker: Broker, pool: &Pool) -> anyhow::Result<Worker> {
        // Some of the time is for saying that it has left.
        let drain = self.drain_timeout.saturating_sub(FAREWELL.min(self.drain_timeout / 2));
        let worker = Worker::new(broker, pool, folder()?)
            .isolate(this_program()?, self.isolated())
            .drain_timeout(drain);
        Ok(self.allow.iter().cloned().fold(worker, Worker::allow))
    }

    /// Serves the runs of the cluster until a signal comes, or until too many threads are lost.
    fn serve(&self, worker: Worker, pool: &Pool, interrupted: &SetOnce<Signal>) -> anyhow::Result<Ending> {
        let leave = CancellationToken::new();
        let restart = Cell::new(false);
        let notices = self.notices();
        let on_notice = move |notice: &WorkerNotice| {
            let hint = notice.cause().and_then(hint::about);
            let hint = hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
            notices.tell(format_args!("{notice}{hint}"));
        };
        let served = asking_runtime()?.block_on(async {
            tokio::select! {
                served = worker.serve(leave.clone(), on_notice) => served,
                never = leave_on_signal(interrupted, &leave, &restart) => match never {},
                never = leave_on_lost_threads(pool, notices, &leave, &restart) => match never {},
            }
        });
        if restart.get() {
            return restart_process();
        }
        served?;
        Ok(Ending::Done)
    }

    fn notices(&self) -> Notices {
        Notices { quiet: self.quiet }
    }

    /// What this process may still reach.
    fn rules(&self) -> anyhow::Result<Rules> {
        let mut rules = Rules::new();
        self.allow.iter().for_each(|capability| rules.grant(capability));
        rules.start(self.limits.keeping_compiler()?.program());
        engine::plugin::compile_cache().into_iter().for_each(|folder| rules.read(folder));
        let plugins = engine::plugin::private_folder(&folder()?);
        if self.isolated {
            plugins.into_iter().for_each(|folder| rules.read(folder));
            return Ok(rules);
        }
        plugins.into_iter().for_each(|folder| rules.write(folder));
        self.cluster.iter().for_each(|broker| self.broker.reach(broker, &mut rules));
        rules.start(Program::new(
            std::iter::once(this_program()?.into()).chain(self.isolated().into_iter().map(OsString::from)),
        ));
        Ok(rules)
    }

    /// What a process is called with that runs one task.
    fn isolated(&self) -> Vec<String> {
        let allowed = self.allow.iter().map(|capability| format!("--allow={capability}"));
        let begin = ["worker", "--isolated"].map(str::to_owned).into_iter().chain(self.wall.given());
        begin.chain(self.limits.given()).chain(allowed).collect()
    }
}

/// Says on stderr what the worker does, unless it was told to be quiet.
#[derive(Clone, Copy)]
struct Notices {
    quiet: bool,
}

impl Notices {
    fn tell(self, line: std::fmt::Arguments<'_>) {
        if !self.quiet {
            tell(format_args!("engine: {line}"));
        }
    }
}

/// Lets the worker leave at the first signal.
async fn leave_on_signal(
    interrupted: &SetOnce<Signal>,
    leave: &CancellationToken,
    restart: &Cell<bool>,
) -> Infallible {
    interrupted.wait().await;
    // A worker that was told to end does not restart.
    restart.set(false);
    leave.cancel();
    std::future::pending().await
}

/// Lets the worker leave and restart if it loses too many threads.
async fn leave_on_lost_threads(
    pool: &Pool,
    notices: Notices,
    leave: &CancellationToken,
    restart: &Cell<bool>,
) -> Infallible {
    let lost = lost_threads(pool).await;
    notices.tell(format_args!("{lost} threads are stuck in functions' file operations: leaving, to restart"));
    restart.set(!leave.is_cancelled());
    leave.cancel();
    std::future::pending().await
}

/// Lost threads after which a worker restarts: half of those that a single function can lose.
const LOST: usize = 32;

/// How often they are counted. What was slow once may be back the next time.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// Waits until too many threads are lost to go on in this process. Returns how many.
async fn lost_threads(pool: &Pool) -> usize {
    let mut checks = tokio::time::interval(CHECK_INTERVAL);
    let mut before = 0;
    loop {
        checks.tick().await;
        let lost = pool.usage().stuck_threads;
        if lost.min(before) >= LOST {
            return lost;
        }
        before = lost;
    }
}

/// Runs the same command in this process's place: threads that are stuck end with it. Behind the wall no program
/// can be started, and the exit code asks the service manager for a restart.
fn restart_process() -> anyhow::Result<Ending> {
    #[cfg(unix)]
    if engine::wall::raised().is_none() {
        use std::os::unix::process::CommandExt;
        let error = Command::new(this_program()?).args(std::env::args_os().skip(1)).exec();
        tell(format_args!("engine: can't restart: {error}"));
    }
    Ok(Ending::Told { code: RESTART })
}

/// What it ends with if it should be started again, as sysexits has it for what may go well the next time.
const RESTART: u8 = 75;

/// Where plugins are kept that came over the network.
fn folder() -> anyhow::Result<PathBuf> {
    let base = etcetera::choose_base_strategy().context("can't find this user's cache folder")?;
    Ok(base.cache_dir().join("engine").join("plugins"))
}

fn this_program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("can't find the path of this program")
}

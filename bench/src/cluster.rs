//! A run over a cluster on this machine: a broker of its own, workers, and a host that is timed from start to end.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};
use clap::Args;
use serde_json::json;

#[derive(Args)]
pub(crate) struct Cluster {
    /// The command `engine`
    engine: PathBuf,
    /// The command `nats-server`
    server: PathBuf,
    plugin: PathBuf,
    input: PathBuf,
    output: PathBuf,
    records: u64,
    /// How many workers, with one thread each
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// The broker waits for the disk with each write
    #[arg(long)]
    sync_always: bool,
    /// An argument of the function: name=value
    #[arg(long)]
    arg: Option<String>,
    /// Flags of the run
    #[arg(last = true)]
    flags: Vec<String>,
}

/// A process that is killed when this is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Cluster {
    #[expect(clippy::print_stdout, reason = "the figures are what it is for")]
    pub(crate) fn execute(&self) -> anyhow::Result<()> {
        let folder = self.output.with_extension("broker");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
        let (server, port) = self.broker(&folder)?;
        let url = format!("nats://127.0.0.1:{port}");
        let workers = (0..self.workers).map(|_| self.worker(&url)).collect::<anyhow::Result<Vec<_>>>()?;
        // The time in which workers load and compile is not measured.
        let few = self.output.with_extension("few");
        let lines = BufReader::new(fs::File::open(&self.input)?).lines().take(1000);
        fs::write(&few, lines.collect::<Result<Vec<_>, _>>()?.join("\n"))?;
        self.run(&url, &few)?;
        let begun = Instant::now();
        self.run(&url, &self.input)?;
        let seconds = begun.elapsed().as_secs_f64();
        drop((workers, server));
        fs::remove_dir_all(&folder)?;
        println!("{}", json!({ "records": self.records, "seconds": seconds }));
        Ok(())
    }

    /// A broker that is ready, and its port.
    fn broker(&self, folder: &Path) -> anyhow::Result<(Running, u16)> {
        let sync = if self.sync_always { "sync_interval: always" } else { "" };
        let settings = folder.join("nats.conf");
        fs::write(&settings, format!("jetstream {{ store_dir: {:?}\n {sync} }}\n", folder.join("streams")))?;
        let mut command = Command::new(&self.server);
        command.args(["--addr", "127.0.0.1", "--port", "-1", "--config"]).arg(&settings);
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut server = Running(child.with_context(|| format!("can't run {}", self.server.display()))?);
        let stderr = server.0.stderr.take().context("no stderr")?;
        let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
        let (mut port, mut ready) = (None, false);
        for line in lines.by_ref() {
            if let Some((_, address)) = line.split_once("Listening for client connections on ") {
                port = address.rsplit(':').next().and_then(|port| port.parse().ok());
            }
            ready = line.ends_with("Server is ready");
            if ready {
                break;
            }
        }
        // Unread output would block it.
        std::thread::spawn(move || lines.for_each(drop));
        ensure!(ready, "the broker does not start");
        Ok((server, port.context("the broker does not say where it listens")?))
    }

    fn worker(&self, url: &str) -> anyhow::Result<Running> {
        let mut command = Command::new(&self.engine);
        command.args(["worker", "--quiet", "--threads", "1", "--cluster", url]).stdout(Stdio::null());
        Ok(Running(command.spawn().with_context(|| format!("can't run {}", self.engine.display()))?))
    }

    fn run(&self, url: &str, input: &Path) -> anyhow::Result<()> {
        let mut command = Command::new(&self.engine);
        command.args(["run", "--quiet", "--cluster", url, "-p"]).arg(&self.plugin);
        command.arg("-i").arg(input).arg("-o").arg(&self.output).args(&self.flags);
        command.args(self.arg.iter().flat_map(|arg| ["--arg", arg]));
        ensure!(command.status()?.success(), "the run failed");
        Ok(())
    }
}

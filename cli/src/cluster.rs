//! Flags about a cluster, and `engine cluster`: what there is of it, and clearing up.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use engine::cluster::{Broker, Cluster, ClusterNotice, ClusterView};

use super::args::time;
use super::exit::Ending;
use super::terminal::{print, print_json};
use super::threads::asking_runtime;

/// How a broker is reached.
#[derive(Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct BrokerArgs {
    /// Credentials for the broker: a file that NATS' tools wrote, or one with the seed of an NKey; the variable
    /// ENGINE_CLUSTER_CREDENTIALS may name it too
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    cluster_credentials: Option<PathBuf>,
    /// Certificates (PEM) that verify the broker; connections then use TLS
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    cluster_ca: Option<PathBuf>,
}

/// Where scattered work goes.
#[derive(Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ClusterArgs {
    /// Run functions on the workers of a cluster, through this NATS server: nats://HOST:PORT or
    /// tls://HOST:PORT; several servers with commas
    ///
    /// Start workers with engine worker --cluster and the same address, as many as you like, on any machines.
    #[arg(long, value_name = "URL")]
    cluster: Option<Broker>,
    /// The name of the run in the cluster; a host that starts a run of the same name takes it over [default: a
    /// new name, or one made from the file of --checkpoint]
    #[arg(long, value_name = "NAME", requires = "cluster")]
    run_name: Option<String>,
    /// Let the broker keep tasks only in memory, which is faster
    #[arg(long, requires = "cluster")]
    in_memory: bool,
    /// How many of the broker's servers keep each task [default: 1]
    #[arg(long, value_name = "1|3|5", value_parser = replicas(), requires = "cluster")]
    replicas: Option<usize>,
    /// How long a worker may be silent about a task before another one gets it [default: 5s]
    #[arg(long, value_name = "TIME", value_parser = time, requires = "cluster")]
    ack_wait: Option<Duration>,
    /// How long the broker may be unreachable before the run ends [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = time, requires = "cluster")]
    broker_timeout: Option<Duration>,
    #[command(flatten)]
    broker: BrokerArgs,
}

fn replicas() -> impl TypedValueParser<Value = usize> {
    PossibleValuesParser::new(["1", "3", "5"]).try_map(|text| text.parse::<usize>())
}

impl BrokerArgs {
    /// What the way to a broker needs, for the wall.
    pub(crate) fn reach(&self, broker: &Broker, rules: &mut engine::wall::Rules) {
        broker.to_string().split(',').for_each(|server| rules.connect_url(server));
        rules.connect_cluster();
        let named = std::env::var_os("ENGINE_CLUSTER_CREDENTIALS").map(PathBuf::from);
        let files = self.cluster_credentials.iter().chain(&named).chain(&self.cluster_ca);
        files.for_each(|file| rules.read(file));
    }

    pub(crate) fn apply(&self, broker: &Broker) -> Broker {
        let named = || std::env::var_os("ENGINE_CLUSTER_CREDENTIALS").map(PathBuf::from);
        let mut broker = broker.clone();
        if let Some(file) = self.cluster_credentials.clone().or_else(named) {
            broker = broker.credentials(file);
        }
        if let Some(file) = &self.cluster_ca {
            broker = broker.authority(file);
        }
        broker
    }
}

impl ClusterArgs {
    /// Whether a flag of this name is among these.
    pub(super) fn has(flag: &str) -> bool {
        let own = Self::augment_args(clap::Command::new("run"));
        own.get_arguments().any(|argument| argument.get_long() == Some(flag))
    }

    /// What the way to the broker needs, for the wall.
    pub(super) fn reach(&self, rules: &mut engine::wall::Rules) {
        self.cluster.iter().for_each(|broker| self.broker.reach(broker, rules));
    }

    /// Whether there is a cluster.
    pub(super) fn is_given(&self) -> bool {
        self.cluster.is_some()
    }

    /// The cluster, if there is one. `name` is what the run is called if nothing else is said, and `on_notice` is
    /// told what it waits for.
    pub(super) fn cluster(
        &self,
        name: Option<String>,
        on_notice: impl Fn(&str) + Send + Sync + 'static,
    ) -> Option<Cluster> {
        let broker = self.broker.apply(self.cluster.as_ref()?);
        let how = start(&broker);
        let on_notice = move |notice: &ClusterNotice| match notice {
            ClusterNotice::NoWorker => on_notice(&format!("{notice} (to start one: {how})")),
            notice => on_notice(&notice.to_string()),
        };
        let mut cluster = Cluster::new(broker).replicas(self.replicas.unwrap_or(1)).on_notice(on_notice);
        if self.in_memory {
            cluster = cluster.in_memory();
        }
        cluster = self.ack_wait.into_iter().fold(cluster, Cluster::ack_wait);
        cluster = self.broker_timeout.into_iter().fold(cluster, Cluster::timeout);
        Some(self.run_name.clone().or(name).into_iter().fold(cluster, Cluster::run))
    }
}

/// The command that starts a worker.
fn start(broker: &Broker) -> String {
    format!("engine worker --cluster {broker}")
}

/// Show what a cluster is doing, and remove what dead runs have left
#[derive(Args)]
#[command(after_help = "Examples:\n  engine cluster status nats://broker:4222\n  \
                  engine cluster status --json nats://broker:4222 | jq '.workers | length'\n  \
                  engine cluster clean nats://broker:4222")]
pub(crate) struct ClusterCommand {
    #[command(subcommand)]
    command: What,
}

#[derive(Subcommand)]
enum What {
    /// Print the workers, the runs, and what waits
    Status {
        /// The broker: nats://HOST:PORT
        broker: Broker,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        args: BrokerArgs,
    },
    /// Remove what is left of runs whose hosts are gone, and plugins that no run uses
    Clean {
        /// The broker: nats://HOST:PORT
        broker: Broker,
        #[command(flatten)]
        args: BrokerArgs,
    },
}

impl ClusterCommand {
    pub(crate) fn execute(self) -> anyhow::Result<Ending> {
        let runtime = asking_runtime()?;
        match self.command {
            What::Status { broker, json, args } => {
                let view = runtime.block_on(ClusterView::of(&args.apply(&broker)))?;
                match json {
                    true => print_json(&serde_json::to_string_pretty(&view)?)?,
                    false if view.workers.is_empty() => {
                        print(&format_args!(
                            "{view}\nto start a worker on any machine: {}\n",
                            start(&broker)
                        ))?;
                    }
                    false => print(&view)?,
                }
            }
            What::Clean { broker, args } => {
                let removed = runtime.block_on(ClusterView::clean(&args.apply(&broker)))?;
                for what in &removed {
                    print(&format_args!("removed {what}\n"))?;
                }
                if removed.is_empty() {
                    print(&"there is nothing to remove\n")?;
                }
            }
        }
        Ok(Ending::Done)
    }
}

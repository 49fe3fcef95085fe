//! Who watches the run: `--dashboard`, `--report`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, ensure};
use engine::{DASHBOARD_PORT, Dashboard, Monitor};
use tokio::sync::SetOnce;

use super::Messages;
use super::page::ReportFile;
use crate::cli::exit::{Ending, Signal, tell};

/// Flags about who watches.
#[derive(clap::Args)]
#[command(next_help_heading = "Dashboard")]
pub(crate) struct WatchArgs {
    /// Show the run on a page in the browser, at this address [default: 127.0.0.1:8787]
    ///
    /// The address that is printed has a token, which lets its bearer pause, drain and stop the run; beyond
    /// this machine nothing is shown without it. Figures for Prometheus are at /metrics.
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = "")]
    dashboard: Option<String>,
    /// Keep the page after the end, until Ctrl-C
    #[arg(long, requires = "dashboard")]
    hold: bool,
    /// Write a page about the run when it has ended: figures, timeline, faults, in one file of HTML
    ///
    /// It has what the dashboard shows, with the begin of records that became faults, and needs nothing else: send it to
    /// whom it concerns.
    #[arg(long, value_name = "FILE.html", value_hint = clap::ValueHint::FilePath)]
    report: Option<PathBuf>,
}

/// A run that is watched, or not.
pub(super) struct Watching {
    monitor: Option<Monitor>,
    report: Option<ReportFile>,
    /// Served until this is dropped.
    dashboard: Option<Dashboard>,
    hold: bool,
    interrupted: Arc<SetOnce<Signal>>,
}

impl WatchArgs {
    /// Whether a flag of this name is among these.
    pub(super) fn has(flag: &str) -> bool {
        let own = <Self as clap::Args>::augment_args(clap::Command::new("run"));
        own.get_arguments().any(|argument| argument.get_long() == Some(flag))
    }

    /// Begins to serve the page, if it is wanted.
    pub(super) fn begin(&self, interrupted: &Arc<SetOnce<Signal>>) -> anyhow::Result<Watching> {
        let wanted = self.dashboard.is_some() || self.report.is_some();
        let monitor = wanted.then(Monitor::new);
        let watched = monitor.clone().unwrap_or_default();
        let report = self.report.as_deref().map(|file| ReportFile::begin(file, &watched)).transpose()?;
        let address = self.dashboard.as_deref().map(address_of).transpose()?;
        let dashboard = address.map(|address| Dashboard::serve(&watched, address)).transpose()?;
        if let Some(dashboard) = &dashboard {
            tell(format_args!("engine: dashboard at {}", dashboard.url()));
        }
        Ok(Watching { monitor, report, dashboard, hold: self.hold, interrupted: interrupted.clone() })
    }
}

/// `ADDR`, `ADDR:PORT`, `:PORT` or `PORT`.
fn address_of(text: &str) -> anyhow::Result<SocketAddr> {
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
    if text.is_empty() {
        return Ok((local, DASHBOARD_PORT).into());
    }
    if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse() {
        return Ok((local, port).into());
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok((address, DASHBOARD_PORT).into());
    }
    ensure!(text.contains(':'), "--dashboard {text}: write an address, as 127.0.0.1:8787, or a port");
    let mut found = text.to_socket_addrs().with_context(|| format!("--dashboard {text}"))?;
    found.next().with_context(|| format!("--dashboard {text}: nothing is found there"))
}

impl Watching {
    pub(super) fn monitor(&self) -> Option<&Monitor> {
        self.monitor.as_ref()
    }

    /// Does what somebody on the page wants: returns never.
    pub(super) async fn obey(&self) {
        let Some(monitor) = &self.monitor else { return std::future::pending().await };
        tokio::select! {
            () = monitor.draining() => {
                // Whoever was first is the one that counts.
                let _ = self.interrupted.set(Signal::Terminate);
            }
            _ = self.interrupted.wait() => monitor.drain(),
            () = monitor.stopping() => {}
        }
        monitor.stopping().await;
        tell(format_args!("engine: stopped from the dashboard: what was taken in is not finished"));
        std::process::exit(Signal::Terminate.exit_code().into());
    }

    /// The run has ended: whoever watches is told so, as long as that is wanted.
    pub(super) fn end(
        self,
        ended: anyhow::Result<Ending>,
        messages: Messages,
        runtime: &tokio::runtime::Runtime,
    ) -> anyhow::Result<Ending> {
        let Self { monitor, report, dashboard, hold, interrupted } = self;
        let Some(monitor) = monitor else { return ended };
        monitor.end(ended.as_ref().err().map(|error| format!("{error:#}")));
        let written = report.map_or(Ok(()), |report| report.write(messages));
        if hold && !interrupted.initialized() {
            tell(format_args!("engine: the dashboard stays until Ctrl-C"));
            runtime.block_on(async {
                tokio::select! {
                    _ = interrupted.wait() => {}
                    () = monitor.stopping() => {}
                    () = monitor.draining() => {}
                }
            });
        }
        drop(dashboard);
        ended.and_then(|ending| written.map(|()| ending))
    }
}

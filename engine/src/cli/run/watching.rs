//! Who watches the run: `--dashboard`, `--report`, `--otlp`.

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
    /// It has what the dashboard shows, with the begin of records that became faults, and needs nothing else: send
    /// it to whom it concerns.
    #[arg(long, value_name = "FILE.html", value_hint = clap::ValueHint::FilePath)]
    report: Option<PathBuf>,
    /// Send metrics and traces to this collector of OpenTelemetry: http://HOST:PORT, or HOST:PORT
    ///
    /// By OTLP over HTTP, each 5 s and at the end; the port is 4318 if none is named. Headers, as tokens, are taken
    /// from OTEL_EXPORTER_OTLP_HEADERS, and the run's name from OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES.
    #[cfg(feature = "otlp")]
    #[arg(long, value_name = "ADDR")]
    otlp: Option<engine::Collector>,
}

/// A run that is watched, or not.
pub(super) struct Watching {
    monitor: Option<Monitor>,
    report: Option<ReportFile>,
    /// Served until this is dropped.
    dashboard: Option<Dashboard>,
    /// Sends until this is dropped.
    #[cfg(feature = "otlp")]
    otlp: Option<engine::Otlp>,
    hold: bool,
    interrupted: Arc<SetOnce<Signal>>,
}

impl WatchArgs {
    /// Whether a flag of this name is among these.
    pub(super) fn has(flag: &str) -> bool {
        let own = <Self as clap::Args>::augment_args(clap::Command::new("run"));
        own.get_arguments().any(|argument| argument.get_long() == Some(flag))
    }

    /// Begins to serve the page, and to send what is seen, if that is wanted.
    pub(super) fn begin(&self, interrupted: &Arc<SetOnce<Signal>>) -> anyhow::Result<Watching> {
        let mut watching = Watching {
            monitor: None,
            report: None,
            dashboard: None,
            #[cfg(feature = "otlp")]
            otlp: None,
            hold: self.hold,
            interrupted: interrupted.clone(),
        };
        if !self.is_watched() {
            return Ok(watching);
        }
        let monitor = watching.monitor.insert(Monitor::new());
        if let Some(file) = &self.report {
            watching.report = Some(ReportFile::begin(file, monitor)?);
        }
        if let Some(address) = &self.dashboard {
            let dashboard = watching.dashboard.insert(Dashboard::serve(monitor, address_of(address)?)?);
            tell(format_args!("engine: dashboard at {}", dashboard.url()));
        }
        #[cfg(feature = "otlp")]
        if let Some(collector) = &self.otlp {
            let told = |error| tell(format_args!("engine: {:#}", anyhow::Error::new(error)));
            watching.otlp = Some(engine::Otlp::export(monitor, collector, told)?);
        }
        Ok(watching)
    }

    /// Whether anybody wants to see the run.
    fn is_watched(&self) -> bool {
        let wanted = [
            self.dashboard.is_some(),
            self.report.is_some(),
            #[cfg(feature = "otlp")]
            self.otlp.is_some(),
        ];
        wanted.contains(&true)
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
        let Some(monitor) = self.monitor else { return ended };
        monitor.end(ended.as_ref().err().map(|error| format!("{error:#}")));
        #[cfg(feature = "otlp")]
        drop(self.otlp);
        let written = self.report.map_or(Ok(()), |report| report.write(messages));
        if self.hold && !self.interrupted.initialized() {
            tell(format_args!("engine: the dashboard stays until Ctrl-C"));
            runtime.block_on(async {
                tokio::select! {
                    _ = self.interrupted.wait() => {}
                    () = monitor.stopping() => {}
                    () = monitor.draining() => {}
                }
            });
        }
        drop(self.dashboard);
        ended.and_then(|ending| written.map(|()| ending))
    }
}

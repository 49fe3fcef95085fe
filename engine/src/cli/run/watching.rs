//! `--dashboard` and `--otlp`: who sees the run.

#[cfg(feature = "net")]
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

#[cfg(feature = "net")]
use anyhow::{Context, ensure};
use engine::Monitor;
#[cfg(feature = "net")]
use engine::{DASHBOARD_PORT, Dashboard};
use tokio::sync::SetOnce;

use crate::cli::exit::{Ending, Signal, tell};

/// Flags about who watches.
#[derive(clap::Args)]
#[command(next_help_heading = "Dashboard")]
pub(crate) struct WatchArgs {
    /// Show the run on a page in the browser, at this address [default: 127.0.0.1:8787]
    ///
    /// The address that is printed has a token, which lets its bearer pause, drain and stop the run; beyond
    /// this machine nothing is shown without it. Figures for Prometheus are at /metrics.
    #[cfg(feature = "net")]
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = "")]
    dashboard: Option<String>,
    /// Keep the page after the end, until Ctrl-C
    #[cfg(feature = "net")]
    #[arg(long, requires = "dashboard")]
    hold: bool,
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
    /// Served until this is dropped.
    #[cfg(feature = "net")]
    dashboard: Option<Dashboard>,
    /// Sends until this is dropped.
    #[cfg(feature = "otlp")]
    otlp: Option<engine::Otlp>,
    #[cfg(feature = "net")]
    hold: bool,
    interrupted: Arc<SetOnce<Signal>>,
}

impl WatchArgs {
    /// Begins to serve the page, and to send what is seen, if that is wanted.
    pub(super) fn begin(&self, interrupted: &Arc<SetOnce<Signal>>) -> anyhow::Result<Watching> {
        let monitor = self.is_watched().then(Monitor::new);
        Ok(Watching {
            #[cfg(feature = "net")]
            dashboard: self.dashboard(monitor.as_ref())?,
            #[cfg(feature = "otlp")]
            otlp: self.otlp(monitor.as_ref())?,
            #[cfg(feature = "net")]
            hold: self.hold,
            monitor,
            interrupted: interrupted.clone(),
        })
    }

    #[cfg(feature = "net")]
    fn dashboard(&self, monitor: Option<&Monitor>) -> anyhow::Result<Option<Dashboard>> {
        let (Some(monitor), Some(address)) = (monitor, &self.dashboard) else { return Ok(None) };
        let dashboard = Dashboard::serve(monitor, address_of(address)?)?;
        tell(format_args!("engine: dashboard at {}", dashboard.url()));
        Ok(Some(dashboard))
    }

    #[cfg(feature = "otlp")]
    fn otlp(&self, monitor: Option<&Monitor>) -> anyhow::Result<Option<engine::Otlp>> {
        let (Some(monitor), Some(collector)) = (monitor, &self.otlp) else { return Ok(None) };
        let told = |error| tell(format_args!("engine: {:#}", anyhow::Error::new(error)));
        Ok(Some(engine::Otlp::export(monitor, collector, told)?))
    }

    /// Whether anybody wants to see the run.
    fn is_watched(&self) -> bool {
        let wanted = [
            #[cfg(feature = "net")]
            self.dashboard.is_some(),
            #[cfg(feature = "otlp")]
            self.otlp.is_some(),
        ];
        wanted.contains(&true)
    }
}

/// `ADDR`, `ADDR:PORT`, `:PORT` or `PORT`.
#[cfg(feature = "net")]
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

    /// The run has ended: the page says so, as long as it is wanted.
    #[cfg_attr(not(feature = "net"), expect(unused_variables, reason = "only a page stays"))]
    pub(super) fn end(self, ended: &anyhow::Result<Ending>, runtime: &tokio::runtime::Runtime) {
        let Some(monitor) = &self.monitor else { return };
        monitor.end(ended.as_ref().err().map(|error| format!("{error:#}")));
        #[cfg(feature = "otlp")]
        drop(self.otlp);
        #[cfg(feature = "net")]
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
        #[cfg(feature = "net")]
        drop(self.dashboard);
    }
}

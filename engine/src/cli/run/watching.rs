//! `--dashboard`: a page that shows the run. `--tui`: a screen that does.

use std::io::{IsTerminal, stdin, stdout};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use anyhow::{Context, ensure};
use clap::ArgGroup;
use engine::{DASHBOARD_PORT, Dashboard, Monitor};
use tokio::sync::SetOnce;

use crate::cli::exit::{Ending, Signal, tell};
use crate::cli::top::{self, OwnScreen};

/// Flags about who watches.
#[derive(clap::Args)]
#[command(next_help_heading = "Dashboard", group = ArgGroup::new("shown").args(["dashboard", "tui"]).multiple(true))]
pub(crate) struct WatchArgs {
    /// Show the run on a page in the browser, at this address [default: 127.0.0.1:8787]
    ///
    /// The address that is printed has a token, which lets its bearer pause, drain and stop the run; beyond
    /// this machine nothing is shown without it. Figures for Prometheus are at /metrics.
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = "")]
    dashboard: Option<String>,
    /// Show the run on the terminal, until its end or q
    ///
    /// It is drawn where messages are: records have to come and go elsewhere. See engine top --help for what
    /// keys do; q lets the run go on without, and Ctrl-C is what it always is.
    #[arg(long)]
    tui: bool,
    /// Keep the page after the end, until Ctrl-C, and the screen until q
    #[arg(long, requires = "shown")]
    hold: bool,
}

/// A run that is watched, or not.
pub(super) struct Watching {
    monitor: Option<Monitor>,
    /// Served until this is dropped.
    dashboard: Option<Dashboard>,
    tui: bool,
    /// Shown until this is dropped.
    screen: Option<OwnScreen>,
    hold: bool,
    interrupted: Arc<SetOnce<Signal>>,
}

impl WatchArgs {
    /// Whether the run is drawn on the terminal.
    pub(super) fn draws(&self) -> bool {
        self.tui
    }

    /// Says what is in the way of a screen, if it is wanted: also that records come from there, or go there.
    pub(super) fn check(&self, from_stdin: bool, to_stdout: bool) -> anyhow::Result<()> {
        if !self.tui {
            return Ok(());
        }
        top::check().context("--tui")?;
        let (reads, writes) = (from_stdin && stdin().is_terminal(), to_stdout && stdout().is_terminal());
        ensure!(!reads, "--tui: records would come from the terminal: give it --input FILE, or a pipe");
        ensure!(!writes, "--tui: records would go to the terminal: give it --output FILE, or a pipe");
        Ok(())
    }

    /// Begins to serve the page, if it is wanted.
    pub(super) fn begin(&self, interrupted: &Arc<SetOnce<Signal>>) -> anyhow::Result<Watching> {
        let monitor = (self.dashboard.is_some() || self.tui).then(Monitor::new);
        let dashboard = match (&self.dashboard, &monitor) {
            (Some(address), Some(monitor)) => Some(Dashboard::serve(monitor, address_of(address)?)?),
            _ => None,
        };
        if let Some(dashboard) = &dashboard {
            tell(format_args!("engine: dashboard at {}", dashboard.url()));
        }
        let (tui, hold, interrupted) = (self.tui, self.hold, interrupted.clone());
        Ok(Watching { monitor, dashboard, tui, screen: None, hold, interrupted })
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

    /// Shows the screen, if it is wanted: all is ready now.
    pub(super) fn show(&mut self) -> anyhow::Result<()> {
        if let Some(monitor) = self.monitor.as_ref().filter(|_| self.tui) {
            if let Some(dashboard) = &self.dashboard {
                monitor.note_line("engine", &format!("dashboard at {}", dashboard.url()));
            }
            self.screen = Some(OwnScreen::begin(monitor, &self.interrupted)?);
        }
        Ok(())
    }

    /// Does what somebody on the page or at the screen wants: returns never.
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
        top::restore();
        tell(format_args!("engine: stopped from the dashboard: what was taken in is not finished"));
        std::process::exit(Signal::Terminate.exit_code().into());
    }

    /// The run has ended: page and screen say so, as long as they are wanted.
    pub(super) fn end(self, ended: &anyhow::Result<Ending>, runtime: &tokio::runtime::Runtime) {
        let Self { monitor: Some(monitor), dashboard, screen, hold, interrupted, .. } = self else { return };
        monitor.end(ended.as_ref().err().map(|error| format!("{error:#}")));
        // Who hid the screen may still have the page.
        let screen = screen.filter(|screen| !screen.is_left());
        if hold && !interrupted.initialized() && (screen.is_some() || dashboard.is_some()) {
            if screen.is_none() {
                tell(format_args!("engine: the dashboard stays until Ctrl-C"));
            }
            let left = async {
                match &screen {
                    Some(screen) => screen.left().await,
                    None => std::future::pending().await,
                }
            };
            runtime.block_on(async {
                tokio::select! {
                    _ = interrupted.wait() => {}
                    () = monitor.stopping() => {}
                    () = monitor.draining() => {}
                    () = left => {}
                }
            });
        }
        drop(screen);
        drop(dashboard);
    }
}

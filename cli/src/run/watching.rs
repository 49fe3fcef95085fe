//! Watching the run: `--dashboard`, `--tui`, `--report`, `--otlp`.

use std::io::{IsTerminal, stdin, stdout};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use clap::ArgGroup;
use engine::Monitor;
use engine::dashboard::{Dashboard, PORT as DASHBOARD_PORT};
use engine::metrics::RunState;
use tokio::sync::SetOnce;

use super::messages::Messages;
use super::page::ReportFile;
use super::report::RunReport;
use crate::exit::{self, EndedBy, Ending, Signal, tell};
use crate::terminal::tell_json;
use crate::threads::runtime;
use crate::top::{self, OwnScreen};

/// The variable that a dashboard's token is taken from.
const TOKEN: &str = "ENGINE_DASHBOARD_TOKEN";

/// Flags about watching the run.
#[derive(clap::Args)]
#[command(next_help_heading = "Dashboard", group = ArgGroup::new("shown").args(["dashboard", "tui"]).multiple(true))]
pub(crate) struct WatchArgs {
    /// Show the run on a page in the browser, at this address [default: 127.0.0.1:8787]
    ///
    /// The printed address contains a token, which allows pausing, draining and stopping the run. From other
    /// machines the page cannot even be seen without it. The token is new for each run; to set your own, use
    /// the variable ENGINE_DASHBOARD_TOKEN. Metrics for Prometheus are at /metrics.
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = "")]
    dashboard: Option<String>,
    /// Show the run on the terminal, until its end or q
    ///
    /// It is drawn on stderr, so neither the input nor the output may be the terminal. engine top --help lists
    /// the keys. q closes the view and the run continues; Ctrl-C interrupts the run as usual.
    #[arg(long)]
    tui: bool,
    /// Keep the page open after the end of the run until Ctrl-C, and the terminal view until q
    #[arg(long, requires = "shown")]
    hold: bool,
    /// Write a report of the run at its end: figures, calls and faults, in one HTML file
    ///
    /// It shows what the dashboard shows and needs no other files. It contains the beginning of records that
    /// became faults, so check it before you send it to others.
    #[arg(long, value_name = "FILE.html", value_hint = clap::ValueHint::FilePath)]
    report: Option<PathBuf>,
    /// Send metrics and traces to this OpenTelemetry collector: http://HOST:PORT, or HOST:PORT
    ///
    /// They are sent by OTLP over HTTP, every 5 s and at the end. The default port is 4318. Headers, such as
    /// tokens, come from OTEL_EXPORTER_OTLP_HEADERS, and the name of the service from OTEL_SERVICE_NAME and
    /// OTEL_RESOURCE_ATTRIBUTES.
    #[cfg(feature = "otlp")]
    #[arg(long, value_name = "ADDR")]
    otlp: Option<engine::otlp::Collector>,
}

/// A run that is watched, or not.
pub(super) struct Watching<'a> {
    args: &'a WatchArgs,
    monitor: Option<Monitor>,
    report: Option<ReportFile>,
    /// Served until this is dropped.
    dashboard: Option<Dashboard>,
    /// Shown until this is dropped.
    screen: Option<OwnScreen>,
    /// Sends until this is dropped.
    #[cfg(feature = "otlp")]
    otlp: Option<engine::otlp::Otlp>,
    /// The signal that this process got.
    interrupted: Arc<SetOnce<Signal>>,
    /// What ends the run: that signal, or a view.
    ending: Arc<SetOnce<EndedBy>>,
}

impl WatchArgs {
    /// Whether a flag of this name is among these.
    pub(super) fn has(flag: &str) -> bool {
        let own = <Self as clap::Args>::augment_args(clap::Command::new("run"));
        own.get_arguments().any(|argument| argument.get_long() == Some(flag))
    }

    /// Whether the run is drawn on the terminal.
    pub(super) fn draws(&self) -> bool {
        self.tui
    }

    /// The file that is written at the end.
    pub(super) fn file(&self) -> Option<&Path> {
        self.report.as_deref()
    }

    /// The port of the page.
    pub(super) fn port(&self) -> anyhow::Result<Option<u16>> {
        self.dashboard.as_deref().map(|address| Ok(address_of(address)?.port())).transpose()
    }

    /// Where metrics and traces go.
    #[cfg(feature = "otlp")]
    pub(super) fn collector(&self) -> Option<&engine::otlp::Collector> {
        self.otlp.as_ref()
    }

    /// Says what is wrong with these alone, or in the way of a screen: also that records come from there, or go
    /// there.
    pub(super) fn check(&self, from_stdin: bool, to_stdout: bool) -> anyhow::Result<()> {
        if let Some(file) = self.dashboard.as_deref().filter(|text| text.ends_with(".toml")) {
            bail!("--dashboard {file}: expected an address: write engine run {file} --dashboard");
        }
        if !self.tui {
            return Ok(());
        }
        top::check().context("--tui")?;
        let (reads, writes) = (from_stdin && stdin().is_terminal(), to_stdout && stdout().is_terminal());
        ensure!(!reads, "--tui: records would come from the terminal: give it --input FILE, or a pipe");
        ensure!(!writes, "--tui: records would go to the terminal: give it --output FILE, or a pipe");
        Ok(())
    }

    /// Begins to watch, if that is wanted, and to serve the page.
    pub(super) fn begin(
        &self,
        interrupted: &Arc<SetOnce<Signal>>,
        messages: Messages,
    ) -> anyhow::Result<Watching<'_>> {
        let mut watching = Watching {
            args: self,
            monitor: None,
            report: None,
            dashboard: None,
            screen: None,
            #[cfg(feature = "otlp")]
            otlp: None,
            interrupted: interrupted.clone(),
            ending: Arc::default(),
        };
        if !self.is_watched() {
            return Ok(watching);
        }
        let monitor = watching.monitor.insert(Monitor::new());
        if let Some(file) = &self.report {
            watching.report = Some(ReportFile::begin(file, monitor)?);
        }
        if let Some(address) = &self.dashboard {
            let dashboard = watching.dashboard.insert(serve(monitor, address)?);
            match messages.json {
                true => tell_json(&serde_json::json!({ "dashboard": dashboard.url() })),
                false => tell(format_args!("engine: dashboard at {}", dashboard.url())),
            }
        }
        Ok(watching)
    }

    /// Whether any of these flags is given.
    fn is_watched(&self) -> bool {
        let wanted = [
            self.dashboard.is_some(),
            self.tui,
            self.report.is_some(),
            #[cfg(feature = "otlp")]
            self.otlp.is_some(),
        ];
        wanted.contains(&true)
    }
}

fn serve(monitor: &Monitor, address: &str) -> anyhow::Result<Dashboard> {
    let address = address_of(address)?;
    let Ok(token) = std::env::var(TOKEN) else { return Ok(Dashboard::serve(monitor, address)?) };
    let is_text = token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte));
    ensure!(
        is_text && token.len() >= 16,
        "{TOKEN}: a token has at least 16 characters, which are letters, digits or - _ . ~"
    );
    Ok(Dashboard::serve_with(monitor, address, &token)?)
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
    ensure!(text.contains(':'), "--dashboard {text}: write an address, such as 127.0.0.1:8787, or a port");
    let mut found = text.to_socket_addrs().with_context(|| format!("--dashboard {text}"))?;
    found.next().with_context(|| format!("--dashboard {text}: the name has no address"))
}

impl Watching<'_> {
    pub(super) fn monitor(&self) -> Option<&Monitor> {
        self.monitor.as_ref()
    }

    /// Set when the run is to end, while it is [obeyed](Self::obey).
    pub(super) fn ending(&self) -> &Arc<SetOnce<EndedBy>> {
        &self.ending
    }

    /// The signal that this process got, if it did. It can be asked for also where nothing is awaited.
    pub(super) fn interrupted(&self) -> Option<Signal> {
        self.interrupted.get().copied()
    }

    /// All is ready: shows the screen, and sends what is seen, if that is wanted.
    pub(super) fn show(&mut self) -> anyhow::Result<()> {
        let Some(monitor) = &self.monitor else { return Ok(()) };
        #[cfg(feature = "otlp")]
        if let Some(collector) = &self.args.otlp {
            let told = |error| tell(format_args!("engine: {:#}", anyhow::Error::new(error)));
            self.otlp = Some(engine::otlp::Otlp::export(monitor, collector, told)?);
        }
        if self.args.tui {
            if let Some(dashboard) = &self.dashboard {
                monitor.note_line("engine", &format!("dashboard at {}", dashboard.url()));
            }
            self.screen = Some(OwnScreen::begin(monitor, &self.interrupted)?);
        }
        Ok(())
    }

    /// Obeys signals and views. Returns if the run must end at once.
    pub(super) async fn obey(&self) {
        let Some(monitor) = &self.monitor else {
            let _ = self.ending.set(EndedBy::Signal(*self.interrupted.wait().await));
            return std::future::pending().await;
        };
        // The first of them counts.
        tokio::select! {
            () = monitor.draining() => {
                let _ = self.ending.set(EndedBy::Watcher);
            }
            signal = self.interrupted.wait() => {
                let _ = self.ending.set(EndedBy::Signal(*signal));
                monitor.drain();
            }
            () = monitor.stopping() => {}
        }
        monitor.stopping().await;
    }

    /// Reports the end of the run, also to the views that are still open. Does not return if the run was ended at
    /// once, since functions may still run.
    pub(super) fn end(self, summary: RunReport) -> anyhow::Result<Ending> {
        let Self { args, monitor: Some(monitor), report, dashboard, screen, interrupted, .. } = self else {
            return summary.tell();
        };
        // Before the report, which leaves of a failure no more than an exit code.
        monitor.end(summary.failure());
        let messages = summary.messages;
        let ended = summary.tell();
        #[cfg(feature = "otlp")]
        drop(self.otlp);
        let written = report.map_or(Ok(()), |report| report.write(messages));
        let mut ended = ended.and_then(|ending| written.map(|()| ending));
        // The page may still be open if the terminal view was closed.
        let screen = screen.filter(|screen| !screen.is_left());
        let is_stopped = monitor.status().run.state == RunState::Stopped;
        if args.hold && !interrupted.initialized() && (screen.is_some() || dashboard.is_some()) {
            // The error is printed now, not when the view is closed.
            ended = Ok(Ending::Told { code: exit::told(ended) });
            if screen.is_none() {
                tell(format_args!("engine: the dashboard stays until Ctrl-C"));
            }
            // Not on the run's own runtime: what was not finished stays so.
            runtime()?.block_on(held(&monitor, &interrupted, screen.as_ref()));
        }
        drop(screen);
        drop(dashboard);
        if is_stopped {
            std::process::exit(exit::told(ended).into());
        }
        ended
    }
}

/// Waits until the views are closed.
async fn held(monitor: &Monitor, interrupted: &SetOnce<Signal>, screen: Option<&OwnScreen>) {
    let left = async {
        match screen {
            Some(screen) => screen.left().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = interrupted.wait() => {}
        // A run that was stopped from a view stays visible there.
        () = monitor.stopping(), if monitor.status().run.state != RunState::Stopped => {}
        () = left => {}
    }
}

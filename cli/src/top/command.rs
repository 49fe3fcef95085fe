//! The command `engine top`.

use std::io::{IsTerminal, stderr, stdout};
use std::sync::Arc;

use tokio::sync::SetOnce;

use super::address::Address;
use super::app::{Action, App, Update, Viewer};
use super::client::{Client, Remote};
use super::screen::Screen;
use super::show::{ViewedRun, show};
use super::theme::Theme;
use super::view;
use crate::drain::Drain;
use crate::exit::{Ending, Signal, tell};
use crate::signals;
use crate::terminal::{print, print_json};

/// Show a run's dashboard on the terminal
///
/// It follows a run that was started with --dashboard: what sets the pace, the nodes, the rates, the threads
/// (or the workers of a cluster), the functions, the faults, and what functions print. To pause, drain and
/// stop the run, give the whole address that the run printed, which contains a token.
///
/// Keys: Tab or 1 to 7 show one panel, arrows scroll, p pauses and resumes, d drains (stops reading and
/// finishes the records in progress), S stops at once, q leaves; the run continues.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TopCommand {
    /// The address of the run's dashboard: HOST:PORT, PORT, or the whole address that the run printed
    #[arg(default_value = "127.0.0.1:8787")]
    addr: String,
    /// Print the run at this moment as text, and exit; the default if stdout is not a terminal
    #[arg(long)]
    once: bool,
    /// Print the run at this moment as JSON, and exit
    #[arg(long, conflicts_with = "once")]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  engine run pipeline.toml --dashboard
  engine top                  watch the run on this machine
  engine top 'http://127.0.0.1:8787/status?token=…'
                              watch it, and be able to pause and end it
  engine top 9000 --once
  engine top --json | jq .diagnosis.text

Exit codes: 0 success, 1 there is no run at the address, 2 the command is wrong";

/// The width of text that does not go to a terminal.
const WIDE: u16 = 100;

impl TopCommand {
    pub(crate) fn execute(self) -> anyhow::Result<Ending> {
        let address = Address::parse(&self.addr)?;
        let who = Viewer::Other { has_token: address.token.is_some() };
        let client = Client::new(address)?;
        let is_looked_at = stdout().is_terminal() && stderr().is_terminal();
        if self.json || self.once || !is_looked_at {
            let snapshot = match client.snapshot() {
                Ok(snapshot) => snapshot,
                Err(error) => return Ok(no_run(&error)),
            };
            match self.json {
                true => print_json(&serde_json::to_string(&snapshot)?)?,
                false => print(&text(who, snapshot))?,
            }
            return Ok(Ending::Done);
        }
        let interrupted = signals::interrupts(Drain::new(None, false), || {})?;
        super::check()?;
        let remote = match client.follow() {
            Ok(remote) => remote,
            Err(error) => return Ok(no_run(&error)),
        };
        let mut screen = Screen::open()?;
        let mut app = App::new(who, Theme::of_environment());
        show(&mut screen, &mut app, &mut RemoteRun { remote, interrupted: interrupted.clone() })?;
        drop(screen);
        Ok(match interrupted.get() {
            Some(signal) => Ending::Told { code: signal.exit_code() },
            None => Ending::Done,
        })
    }
}

fn no_run(error: &anyhow::Error) -> Ending {
    tell(format_args!("engine: {error:#}; start a run with engine run --dashboard"));
    Ending::Told { code: 1 }
}

/// A snapshot as text, without escape sequences.
fn text(who: Viewer, snapshot: engine::metrics::Snapshot) -> String {
    let mut app = App::new(who, Theme::new(false));
    app.hear(Update::Snapshot(Box::new(snapshot)));
    let width = match ratatui::crossterm::terminal::size() {
        Ok((width, _)) if stdout().is_terminal() => width.max(60),
        _ => WIDE,
    };
    view::text(&app, width)
}

/// A run of another process.
struct RemoteRun {
    remote: Remote,
    interrupted: Arc<SetOnce<Signal>>,
}

impl ViewedRun for RemoteRun {
    fn news(&mut self) -> Option<Update> {
        self.remote.news.try_recv().ok()
    }

    fn said(&mut self, line: String) -> Option<Update> {
        Some(Update::Said(line))
    }

    fn act(&mut self, action: Action) {
        // If the channel is full, the dashboard does not answer anyway.
        let _ = self.remote.action.try_send(action);
    }

    fn is_over(&self) -> bool {
        self.interrupted.initialized()
    }
}

//! What the terminal view shows, and what keys do.

use engine::metrics::{History, RunState, Snapshot};
use engine::text::PlainText;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::theme::Theme;
use super::worker_rates::WorkerRates;

/// Rates of the last milliseconds are shown in full; older ones are thinned out.
pub(super) const RECENT: u64 = 120_000;
/// The most points of these that are kept.
const MOMENTS: usize = 1000;

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Pause,
    Resume,
    Drain,
    Stop,
    /// Close the view.
    Leave,
    /// What Ctrl-C does without the screen.
    Interrupt,
}

/// News of a run.
#[derive(Debug)]
pub(super) enum Update {
    /// The history until now.
    History(History),
    Snapshot(Box<Snapshot>),
    /// The run can't be reached any more.
    Gone,
    /// An answer to an action, or a message.
    Said(String),
}

/// What is on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    All,
    Graph,
    Rates,
    Workers,
    Functions,
    Faults,
    Log,
}

impl Page {
    pub(super) const ALL: [Self; 7] =
        [Self::All, Self::Graph, Self::Rates, Self::Workers, Self::Functions, Self::Faults, Self::Log];

    /// The key that shows it.
    pub(super) fn key(self) -> char {
        let place = Self::ALL.iter().position(|page| *page == self).unwrap_or_default();
        char::from(b'1' + u8::try_from(place).unwrap_or_default())
    }

    fn after(self, by: usize) -> Self {
        let place = Self::ALL.iter().position(|page| *page == self).unwrap_or_default();
        Self::ALL[(place + by) % Self::ALL.len()]
    }
}

/// Whose run is viewed, and with which rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Viewer {
    /// This process's own run.
    Itself,
    /// The run of another process, with the token or without.
    Other { has_token: bool },
}

/// What is known of a run, and which part of it is shown.
#[derive(Debug)]
pub(super) struct App {
    who: Viewer,
    pub(super) theme: Theme,
    pub(super) snapshot: Option<Snapshot>,
    /// The whole run.
    pub(super) whole: History,
    /// The last two minutes.
    pub(super) recent: History,
    pub(super) worker_rates: WorkerRates,
    pub(super) gone: bool,
    pub(super) page: Page,
    /// How many lines of the page are above the screen. Drawing keeps it within bounds.
    pub(super) scroll: usize,
    /// Whether a stop waits to be confirmed.
    pub(super) stopping: bool,
    pub(super) said: Option<PlainText>,
    /// Whether the screen must be drawn again.
    pub(super) changed: bool,
}

impl App {
    pub(super) fn new(who: Viewer, theme: Theme) -> Self {
        Self {
            who,
            theme,
            snapshot: None,
            whole: History::default(),
            recent: History::default(),
            worker_rates: WorkerRates::default(),
            gone: false,
            page: Page::All,
            scroll: 0,
            stopping: false,
            said: None,
            changed: true,
        }
    }

    pub(super) fn who(&self) -> Viewer {
        self.who
    }

    /// Takes news in.
    pub(super) fn hear(&mut self, news: Update) {
        self.changed = true;
        match news {
            Update::History(history) => {
                self.recent = history.clone();
                self.whole = history;
            }
            Update::Snapshot(snapshot) => self.take(*snapshot),
            Update::Gone => self.gone = true,
            Update::Said(text) => self.said = Some(text.into()),
        }
    }

    fn take(&mut self, snapshot: Snapshot) {
        let run = &snapshot.status.run;
        // Another run may have the same address now.
        if self.recent.at.last().is_some_and(|last| *last > run.now) {
            (self.whole, self.recent, self.worker_rates) = Default::default();
        }
        self.whole.keep(&snapshot.status);
        self.worker_rates.keep(&snapshot.status);
        let History { at, emitted, delivered, faults, .. } = &mut self.recent;
        if at.last() != Some(&run.now) {
            at.push(run.now);
            emitted.push(run.counts.emitted);
            delivered.push(run.counts.delivered);
            faults.push(run.counts.faults);
        }
        let begin = run.now.saturating_sub(RECENT);
        // One older point is kept, for the rate at the beginning.
        let old =
            at.partition_point(|at| *at < begin).saturating_sub(1).max(at.len().saturating_sub(MOMENTS));
        for list in [at, emitted, delivered, faults] {
            list.drain(..old.min(list.len()));
        }
        self.gone = false;
        self.snapshot = Some(snapshot);
    }

    fn state(&self) -> Option<RunState> {
        self.snapshot.as_ref().map(|snapshot| snapshot.status.run.state)
    }

    /// Handles a key. Returns an action that it can't do itself.
    pub(super) fn key(&mut self, key: KeyEvent) -> Option<Action> {
        self.changed = true;
        self.said = None;
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match (key.code, self.who) {
                (KeyCode::Char('c'), Viewer::Itself) => Some(Action::Interrupt),
                (KeyCode::Char('c'), Viewer::Other { .. }) => Some(Action::Leave),
                _ => None,
            };
        }
        if std::mem::take(&mut self.stopping) {
            return (key.code == KeyCode::Char('y')).then_some(Action::Stop);
        }
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return Some(Action::Leave),
            KeyCode::Char('p') if self.state() == Some(RunState::Paused) => return self.may(Action::Resume),
            KeyCode::Char('p') => return self.may(Action::Pause),
            KeyCode::Char('d') => return self.may(Action::Drain),
            KeyCode::Char('S') => self.stopping = self.may(Action::Stop).is_some(),
            KeyCode::Tab | KeyCode::Right => self.turn_to(self.page.after(1)),
            KeyCode::BackTab | KeyCode::Left => self.turn_to(self.page.after(Page::ALL.len() - 1)),
            KeyCode::Down | KeyCode::Char('j') => self.scroll += 1,
            KeyCode::Up | KeyCode::Char('k') => self.scroll = self.scroll.saturating_sub(1),
            KeyCode::PageDown | KeyCode::Char(' ') => self.scroll += 10,
            KeyCode::PageUp => self.scroll = self.scroll.saturating_sub(10),
            KeyCode::Home => self.scroll = 0,
            KeyCode::Char(c) => {
                if let Some(page) = Page::ALL.into_iter().find(|page| page.key() == c) {
                    self.turn_to(page);
                }
            }
            _ => {}
        }
        None
    }

    fn turn_to(&mut self, page: Page) {
        (self.page, self.scroll) = (page, 0);
    }

    /// Returns an action that changes the run, or shows why it can't be done.
    fn may(&mut self, action: Action) -> Option<Action> {
        let why = if self.who == (Viewer::Other { has_token: false }) {
            "that needs the token: start engine top with the whole address that the run printed"
        } else if self.gone {
            "the run is gone"
        } else if self.state().is_some_and(RunState::is_end) {
            "the run has ended"
        } else {
            return Some(action);
        };
        self.said = Some(why.into());
        None
    }
}

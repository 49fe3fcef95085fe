//! What is shown, and what keys change about it.

use engine::metrics::{History, RunState, Snapshot};
use engine::text::PlainText;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::theme::Theme;
use super::worker_rates::WorkerRates;

/// The rates of so many milliseconds are shown as they are told; those before, as they are kept.
pub(super) const RECENT: u64 = 120_000;
/// So many moments of them are kept at most.
const MOMENTS: usize = 1000;

/// What the viewer wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Pause,
    Resume,
    Drain,
    Stop,
    /// See no more of it.
    Leave,
    /// What Ctrl-C is without the screen.
    Interrupt,
}

/// What is told of a run.
#[derive(Debug)]
pub(super) enum News {
    /// What came before.
    History(History),
    Snapshot(Box<Snapshot>),
    /// It can't be reached any more.
    Gone,
    /// An answer to a wish, or a message.
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

/// Who looks, and at what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// The process that runs it.
    Itself,
    /// Another one, with the token or without.
    Other { has_token: bool },
}

/// What is known, and what is shown of it.
#[derive(Debug)]
pub(super) struct App {
    who: Who,
    pub(super) theme: Theme,
    pub(super) snapshot: Option<Snapshot>,
    /// The whole run.
    pub(super) whole: History,
    /// The last two minutes.
    pub(super) recent: History,
    pub(super) worker_rates: WorkerRates,
    pub(super) gone: bool,
    pub(super) page: Page,
    /// So many lines of the page are above the screen; what is drawn keeps it within bounds.
    pub(super) scroll: usize,
    /// Whether a stop waits for its yes.
    pub(super) stopping: bool,
    pub(super) said: Option<PlainText>,
    /// Whether the screen is to be drawn again.
    pub(super) changed: bool,
}

impl App {
    pub(super) fn new(who: Who, theme: Theme) -> Self {
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

    pub(super) fn who(&self) -> Who {
        self.who
    }

    /// Takes news in.
    pub(super) fn hear(&mut self, news: News) {
        self.changed = true;
        match news {
            News::History(history) => {
                self.recent = history.clone();
                self.whole = history;
            }
            News::Snapshot(snapshot) => self.take(*snapshot),
            News::Gone => self.gone = true,
            News::Said(text) => self.said = Some(text.into()),
        }
    }

    fn take(&mut self, snapshot: Snapshot) {
        let run = &snapshot.status.run;
        // Another run may be at the same address.
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
        // One before them tells how it was when they began.
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

    /// Does what a key is for. What it can't do itself is returned.
    pub(super) fn key(&mut self, key: KeyEvent) -> Option<Wish> {
        self.changed = true;
        self.said = None;
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match (key.code, self.who) {
                (KeyCode::Char('c'), Who::Itself) => Some(Wish::Interrupt),
                (KeyCode::Char('c'), Who::Other { .. }) => Some(Wish::Leave),
                _ => None,
            };
        }
        if std::mem::take(&mut self.stopping) {
            return (key.code == KeyCode::Char('y')).then_some(Wish::Stop);
        }
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return Some(Wish::Leave),
            KeyCode::Char('p') if self.state() == Some(RunState::Paused) => return self.may(Wish::Resume),
            KeyCode::Char('p') => return self.may(Wish::Pause),
            KeyCode::Char('d') => return self.may(Wish::Drain),
            KeyCode::Char('S') => self.stopping = self.may(Wish::Stop).is_some(),
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

    /// A wish that changes the run, or why it can't be.
    fn may(&mut self, wish: Wish) -> Option<Wish> {
        let why = if self.who == (Who::Other { has_token: false }) {
            "that needs the token: engine top with the whole address that the run has printed"
        } else if self.gone {
            "the run is gone"
        } else if self.state().is_some_and(RunState::is_end) {
            "the run has ended"
        } else {
            return Some(wish);
        };
        self.said = Some(why.into());
        None
    }
}

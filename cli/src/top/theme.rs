//! Colours: the sixteen that each terminal has chosen for itself, or none.

use ratatui::style::{Color, Modifier, Style};

use engine::metrics::{RunState, Severity};

/// How things look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Theme {
    colours: bool,
}

const FUNCTIONS: [Color; 8] = [
    Color::Cyan,
    Color::Magenta,
    Color::Blue,
    Color::Green,
    Color::LightCyan,
    Color::LightMagenta,
    Color::LightBlue,
    Color::LightGreen,
];

impl Theme {
    /// With colours, or with bold, dim and inverse text alone.
    pub(super) fn new(colours: bool) -> Self {
        Self { colours }
    }

    /// As the environment wants it: see <https://no-color.org>.
    pub(super) fn of_environment() -> Self {
        Self::new(std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()))
    }

    pub(super) fn has_colours(self) -> bool {
        self.colours
    }

    fn coloured(self, colour: Color) -> Style {
        if self.colours { Style::new().fg(colour) } else { Style::new() }
    }

    pub(super) fn dim(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    pub(super) fn bold(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(super) fn severity(self, severity: Severity) -> Style {
        match severity {
            Severity::Ok => self.coloured(Color::Green),
            Severity::Error => self.coloured(Color::Red),
            _ => self.coloured(Color::Yellow),
        }
    }

    pub(super) fn slow(self) -> Style {
        self.severity(Severity::Warning)
    }

    pub(super) fn bad(self) -> Style {
        self.severity(Severity::Error)
    }

    /// What comes in, and what fills.
    pub(super) fn inward(self) -> Style {
        self.coloured(Color::Blue)
    }

    /// What goes out.
    pub(super) fn outward(self) -> Style {
        self.coloured(Color::Green)
    }

    pub(super) fn state(self, state: RunState) -> Style {
        let style = match state {
            RunState::Running | RunState::Done => self.coloured(Color::Green),
            RunState::Failed => self.coloured(Color::Red),
            _ => self.coloured(Color::Yellow),
        };
        style.add_modifier(Modifier::BOLD | Modifier::REVERSED)
    }

    pub(super) fn gone(self) -> Style {
        self.bad().add_modifier(Modifier::BOLD | Modifier::REVERSED)
    }

    /// Of a function, by its place.
    pub(super) fn function(self, place: usize) -> Style {
        self.coloured(FUNCTIONS[place % FUNCTIONS.len()])
    }

    /// What stands for a function where it has no colour, by its place.
    pub(super) fn letter(place: usize) -> char {
        char::from(b'a' + u8::try_from(place % 26).unwrap_or_default())
    }
}

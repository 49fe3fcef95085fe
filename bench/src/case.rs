//! What is measured: programs that do the same work, and what is compared of them.

use std::path::PathBuf;

use crate::sample::Figure;

/// Programs that do the same work, run alternately.
pub(crate) struct Case {
    /// The name on the command line.
    pub(crate) name: &'static str,
    pub(crate) title: String,
    /// The first one is the engine.
    pub(crate) programs: Vec<Program>,
    pub(crate) rows: Vec<Row>,
}

/// A program with its arguments.
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) command: Vec<String>,
    pub(crate) stdin: Option<PathBuf>,
    /// A cache folder, emptied before each run.
    pub(crate) scratch: Option<PathBuf>,
    /// Files that are removed before each run, so that no run pays for the dirty pages of another.
    pub(crate) output: Option<PathBuf>,
    /// The number of records of a run, unless the program reports it.
    pub(crate) records: u64,
    /// Whether one run must be enough, because a run takes long.
    pub(crate) slow: bool,
}

/// A line of the table.
pub(crate) struct Row {
    pub(crate) what: String,
    /// The program whose figure it is.
    pub(crate) ours: usize,
    pub(crate) figure: Figure,
    pub(crate) bound: Bound,
}

/// What a figure is compared with.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    /// Another program's figure, with how many times as fast the engine should be.
    Rival { program: usize, speed: Option<f64> },
    /// Nothing: the figure stands for itself.
    AtMost(f64),
}

impl Program {
    pub(crate) fn new(name: &str, command: impl IntoIterator<Item = impl ToString>) -> Self {
        let command = command.into_iter().map(|word| word.to_string()).collect();
        Self {
            name: name.to_owned(),
            command,
            stdin: None,
            scratch: None,
            output: None,
            records: 1,
            slow: false,
        }
    }

    pub(crate) fn records(self, records: u64) -> Self {
        Self { records, ..self }
    }

    pub(crate) fn reading(self, stdin: PathBuf) -> Self {
        Self { stdin: Some(stdin), ..self }
    }

    pub(crate) fn emptying(self, scratch: PathBuf) -> Self {
        Self { scratch: Some(scratch), ..self }
    }

    pub(crate) fn writing(self, output: PathBuf) -> Self {
        Self { output: Some(output), ..self }
    }

    pub(crate) fn slow(self) -> Self {
        Self { slow: true, ..self }
    }
}

impl Row {
    /// The engine's figure against another program's.
    pub(crate) fn against(what: &str, figure: Figure, program: usize, speed: impl Into<Option<f64>>) -> Self {
        let bound = Bound::Rival { program, speed: speed.into() };
        Self { what: what.to_owned(), ours: 0, figure, bound }
    }

    /// Nothing: the figure stands for itself.
    pub(crate) fn at_most(what: &str, figure: Figure, limit: f64) -> Self {
        Self { what: what.to_owned(), ours: 0, figure, bound: Bound::AtMost(limit) }
    }

    pub(crate) fn of(self, ours: usize) -> Self {
        Self { ours, ..self }
    }
}

//! A function can't be used as asked, or failed apart from its records.

use bytesize::ByteSize;

use super::suggestion::{did_you_mean, some};
use crate::fault::Cause;
use crate::function::Kind;
use crate::record::Shape;
use crate::text::short;

/// A function can't be used as asked, or failed apart from its records.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FunctionError {
    /// A function of one kind is used as one of another.
    #[error("{function} is {} function and can't be used as {}", a(*kind), a(*used))]
    WrongKind {
        /// The function.
        function: String,
        /// Its kind.
        kind: Kind,
        /// What it was used as.
        used: Kind,
    },
    /// A function takes or returns another type than asked for.
    #[error("{function} {side} {actual}, not {asked}")]
    WrongType {
        /// The function.
        function: String,
        /// `takes` or `returns`.
        side: &'static str,
        /// What the function declares.
        actual: Shape,
        /// The type asked for.
        asked: Shape,
    },
    /// A function has no parameter of that name.
    #[error("{function} has no parameter {name}{}; {}", did_you_mean(nearest), it_has(parameters))]
    UnknownArgument {
        /// The function.
        function: String,
        /// The name that was given.
        name: String,
        /// The parameters that it has.
        parameters: Vec<String>,
        /// The name that was probably meant.
        nearest: Option<String>,
    },
    /// An argument is missing.
    #[error("{function} needs the argument {name} ({shape})")]
    MissingArgument {
        /// The function.
        function: String,
        /// The parameter.
        name: String,
        /// What it takes.
        shape: Shape,
    },
    /// The function rejected its arguments.
    #[error("{function} can't be opened: {}", short(message))]
    Refused {
        /// The function.
        function: String,
        /// What it said.
        message: String,
    },
    /// A function needs capabilities that were not granted.
    #[error("{function} needs {}, which was not granted", short(&capabilities.join(", ")))]
    NotGranted {
        /// The function.
        function: String,
        /// What it needs.
        capabilities: Vec<String>,
    },
    /// Not even one instance fits into the memory of the pool.
    #[error("an instance of {function} exceeds the pool's memory limit of {}", ByteSize(*limit as u64))]
    NoRoom {
        /// The function.
        function: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// The function failed when an instance was opened.
    #[error("{function} can't be opened: it {cause}")]
    Open {
        /// The function.
        function: String,
        /// What happened.
        cause: Cause,
    },
    /// A function failed when the stream ended.
    #[error("{function} failed at the end of the stream: it {cause}")]
    Finish {
        /// The function.
        function: String,
        /// What happened.
        cause: Cause,
    },
    /// A function that accumulates failed to write its state.
    #[error("{function} can't hand over its state: it {cause}")]
    State {
        /// The function.
        function: String,
        /// What happened.
        cause: Cause,
    },
    /// A state in the checkpoint is not one that a run has written.
    #[error("{function}: the state in the checkpoint is damaged: remove the checkpoint to start over")]
    ForeignState {
        /// The function.
        function: String,
    },
    /// A function that accumulates did not repeat what it had done, given the same records again.
    #[error("{function} can't be brought back to its state: given its records again, it {cause}")]
    Rebuild {
        /// The function.
        function: String,
        /// What happened.
        cause: Cause,
    },
    /// A call of a sink was cut short, so that what it did is not known.
    #[error("a call of {function} was cut short: what it did is not known")]
    Abandoned {
        /// The function.
        function: String,
    },
}

/// `a map`, `an accumulate`.
fn a(kind: Kind) -> String {
    let article = if kind == Kind::Accumulate { "an" } else { "a" };
    format!("{article} {kind}")
}

fn it_has(parameters: &[String]) -> String {
    match parameters {
        [] => "it takes no arguments".to_owned(),
        names => format!("it has {}", some(names)),
    }
}

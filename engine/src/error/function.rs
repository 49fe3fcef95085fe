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
    /// A function was used as what it is not.
    #[error("{function} is {} function and can't be used as {}", a(*kind), a(*used))]
    WrongKind {
        /// The function.
        function: String,
        /// Its kind.
        kind: Kind,
        /// What it was used as.
        used: Kind,
    },
    /// A function takes or returns another type than the one asked for.
    #[error("{function} {side} {actual}, not {asked}")]
    WrongType {
        /// The function.
        function: String,
        /// `takes` or `returns`.
        side: &'static str,
        /// What the function says.
        actual: Shape,
        /// What was asked for.
        asked: Shape,
    },
    /// A function has no such parameter.
    #[error("{function} has no parameter {name}{}; {}", did_you_mean(nearest), it_has(parameters))]
    UnknownArgument {
        /// The function.
        function: String,
        /// The name given.
        name: String,
        /// The parameters that there are.
        parameters: Vec<String>,
        /// The one that was probably meant.
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
    /// The function did not accept its arguments.
    #[error("{function} can't be opened: {}", short(message))]
    Refused {
        /// The function.
        function: String,
        /// What it said.
        message: String,
    },
    /// A function needs what it was not granted.
    #[error("{function} needs {}, which was not granted", short(&capabilities.join(", ")))]
    NotGranted {
        /// The function.
        function: String,
        /// What it needs.
        capabilities: Vec<String>,
    },
    /// Not even one instance fits into the memory that all may have together.
    #[error("an instance of {function} needs more than the {} that all together may have", ByteSize(*limit as u64))]
    NoRoom {
        /// The function.
        function: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// Opening an instance of the function failed.
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
    /// A function that accumulates could not tell its state.
    #[error("{function} can't hand over its state: it {cause}")]
    State {
        /// The function.
        function: String,
        /// What happened.
        cause: Cause,
    },
    /// The state that a run is to go on with is none that one has left.
    #[error("{function}: the state in the checkpoint is damaged: remove it to begin anew")]
    ForeignState {
        /// The function.
        function: String,
    },
    /// A function that accumulates did not do with its records what it had done before.
    #[error("{function} can't be brought back to its state: given its records again, it {cause}")]
    Rebuild {
        /// The function.
        function: String,
        /// What happened.
        cause: Cause,
    },
    /// A call of a sink was given up midway, and what it did is not known.
    #[error("a call of {function} was given up midway: what it did is not known")]
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

//! What a function is, as data: its kind, its arguments, what it must be granted.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::record::Shape;

/// What a function does with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Kind {
    /// One output for each record, or none where it leaves the record out.
    Map,
    /// Keeps a record or drops it.
    Filter,
    /// Any number of outputs for each record.
    FlatMap,
    /// Carries a state from record to record, or one for each key, and gives what a map gives.
    Accumulate,
    /// Consumes records.
    Sink,
}

impl Kind {
    /// Whether it has no more than one output for a record.
    pub(crate) fn gives_one_at_most(self) -> bool {
        self != Self::FlatMap
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Map => "map",
            Self::Filter => "filter",
            Self::FlatMap => "flat-map",
            Self::Accumulate => "accumulate",
            Self::Sink => "sink",
        })
    }
}

/// One argument that a function takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// How its text is read.
    pub shape: Shape,
    /// Whether the function can't be opened without it.
    pub required: bool,
    /// What stands in when it is left out, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// What it means, in Markdown.
    pub docs: String,
}

/// What a plugin says of one function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Signature {
    /// Its name, unique in the plugin.
    pub name: String,
    /// What it does with a record.
    pub kind: Kind,
    /// What it takes.
    pub input: Shape,
    /// What it returns; a sink returns nothing.
    pub output: Option<Shape>,
    /// What it accumulates, if it does and says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<Shape>,
    /// Its arguments.
    pub parameters: Vec<Parameter>,
    /// What it must be granted.
    pub capabilities: Vec<String>,
    /// What it does, in Markdown; the first line is a summary.
    pub docs: String,
}

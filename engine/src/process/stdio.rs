//! What a program has for its stdin, stdout and stderr.

use std::process;

use serde::{Deserialize, Serialize};

/// One of a program's stdin, stdout and stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stdio {
    /// It has none.
    Null,
    /// That of this process.
    Inherited,
    /// A pipe.
    Piped,
}

impl Stdio {
    pub(super) fn stdio(self) -> process::Stdio {
        match self {
            Self::Null => process::Stdio::null(),
            Self::Inherited => process::Stdio::inherit(),
            Self::Piped => process::Stdio::piped(),
        }
    }
}

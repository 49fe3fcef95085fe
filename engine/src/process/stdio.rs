//! What a program's stdin, stdout and stderr are connected to.

use std::process;

use serde::{Deserialize, Serialize};

/// What one of a program's stdin, stdout and stderr is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stdio {
    /// Nothing.
    Null,
    /// The same stream of this process.
    Inherited,
    /// A pipe to this process.
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

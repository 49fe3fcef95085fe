//! Why a file is not a plugin.

use std::time::Duration;

use bytesize::ByteSize;

use crate::text::short;

/// Why a file is not a plugin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAPlugin {
    /// A pipe, a device or the like.
    #[error("it is not a file")]
    NotAFile,
    /// No bytes at all.
    #[error("the file is empty")]
    Empty,
    /// Something other than WebAssembly.
    #[error("it is not WebAssembly")]
    NotWasm,
    /// A module without the component layer.
    #[error("it is a core module, not a component (build it for the target wasm32-wasip2)")]
    CoreModule,
    /// The file is larger than allowed.
    #[error("its size of {} exceeds the limit of {}", ByteSize(*size), ByteSize(*limit))]
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// Compiling it took too long.
    #[error("it takes longer than {limit:?}")]
    SlowToCompile {
        /// The limit.
        limit: Duration,
    },
    /// Compiling it ended without a result, as it does when the limit on memory is reached.
    #[error("it needs more than {} of memory, or the compiler crashed", ByteSize(*limit as u64))]
    LargeToCompile {
        /// The limit in bytes.
        limit: usize,
    },
    /// Another process, or the system, killed the process that compiles.
    #[error("its compiler {}: run again", short(how))]
    CompilerKilled {
        /// How it ended.
        how: String,
    },
    /// The process that compiles could not be started, or did not answer.
    #[error("{reason}")]
    NotCompiled {
        /// What the system says.
        reason: String,
    },
    /// Broken WebAssembly.
    #[error("it is damaged ({})", short(reason))]
    Damaged {
        /// Where, and how.
        reason: String,
    },
    /// A component for another contract, or another version of it.
    #[error("it exports {found}, but this engine runs {wanted} (rebuild it with the SDK of this engine)")]
    OtherContract {
        /// What it exports.
        found: String,
        /// What is needed.
        wanted: &'static str,
    },
    /// A component that imports what no plugin is given.
    #[error("it does not fit the contract ({})", short(reason))]
    Misfit {
        /// What does not fit.
        reason: String,
    },
    /// Two functions have one name.
    #[error("it has two functions named {name}")]
    TwiceNamed {
        /// The name.
        name: String,
    },
    /// A function or a parameter has a name that can't be typed, or shown.
    #[error("it uses the name {name:?} (a name is a letter or _, then letters, digits, _ or -)")]
    BadName {
        /// The name.
        name: String,
    },
    /// It has no functions.
    #[error("it has no functions (mark one with #[map], #[filter], #[flat_map], #[accumulate] or #[sink])")]
    NoFunctions,
    /// It has too many functions, or one of them too many parameters.
    #[error("it has {count} functions, or parameters of one; the limit is {limit}")]
    TooManyNames {
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
}

impl NotAPlugin {
    /// What can be said of the file: one that takes too long to compile may be a plugin.
    pub(super) fn verdict(&self) -> &'static str {
        match self {
            Self::SlowToCompile { .. }
            | Self::LargeToCompile { .. }
            | Self::CompilerKilled { .. }
            | Self::NotCompiled { .. } => "can't be compiled",
            _ => "is not a plugin",
        }
    }
}

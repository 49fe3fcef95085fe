//! A plugin that was loaded, as pools and functions have it.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::function::Signature;
use crate::plugin::contract::StreamPluginPre;
use crate::plugin::sandbox::Sandbox;
use crate::plugin::undeclared::Undeclared;

/// A plugin's compiled code and what it says of itself.
pub(crate) struct Loaded {
    pub(crate) path: PathBuf,
    pub(crate) pre: StreamPluginPre<Sandbox>,
    pub(crate) signatures: Vec<Signature>,
    /// The interfaces that it imports, needed or not.
    pub(crate) imports: Vec<String>,
    /// The capabilities that its code can make calls for, declared or not.
    pub(crate) reach: Vec<&'static str>,
    /// What becomes of calls for what a function did not declare.
    pub(crate) undeclared: Undeclared,
    /// In bytes.
    pub(crate) size: u64,
    /// The most that it might have been.
    pub(crate) size_limit: u64,
    /// BLAKE3, in hexadecimal digits.
    pub(crate) hash: String,
    /// None if the code was in the cache.
    pub(crate) compilation: Option<Compilation>,
}

/// What compiling a plugin took, and might have taken.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct Compilation {
    /// Until the result was there.
    pub time: Duration,
    /// The limit for that, where there is one.
    pub timeout: Option<Duration>,
    /// The most memory that the compiler's process had resident at once, in bytes, if it had one and the
    /// system tells.
    pub resident: Option<u64>,
    /// How much it might have asked for to write to, where there is a limit. Another quantity: what is
    /// resident counts the program too, and what was asked for need not be.
    pub memory_limit: Option<u64>,
}

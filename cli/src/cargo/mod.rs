//! Plugin crates: their components, built with cargo as the user, in a sandbox, or found as they were built before.

mod build;
mod built;
mod environment;
mod manifest;
mod sandbox;
mod sandboxed;
mod toolchain;

use std::path::PathBuf;

pub(super) use build::build;
pub(super) use built::find;
pub(super) use sandboxed::{SandboxArgs, build_in_sandbox};
use toolchain::TARGET;

/// A plugin crate's component.
pub(super) struct Built {
    pub(super) wasm: PathBuf,
    /// The crate's name.
    pub(super) name: String,
    /// Where it is, if it goes away with this.
    _folder: Option<tempfile::TempDir>,
}

/// Rather a longer function than a call of another one: each call in a sandbox looks whether its time is
/// over, so that it costs more than elsewhere. JSON is read and written a sixth faster, with twice the code.
/// It adds to whatever flags the crate's own configuration has.
const INLINE: &str = "-Cllvm-args=--inline-threshold=1000";

//! A plugin can't be loaded, or does not have what is asked of it.

use std::path::PathBuf;

use super::NotAPlugin;
use super::suggestion::{did_you_mean, some};
use crate::fault::Cause;
use crate::text::{path as shown, short};

/// A plugin can't be loaded, or does not have what is asked of it.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A file is no plugin.
    #[error("{} is no plugin: {problem}", shown(path))]
    NotAPlugin {
        /// The file.
        path: PathBuf,
        /// What stands there instead.
        problem: NotAPlugin,
    },
    /// A plugin is another one than was pinned.
    #[error("{} has the BLAKE3 hash {hash}, and is pinned to {}", shown(path), short(pin))]
    WrongHash {
        /// The file.
        path: PathBuf,
        /// What its hash is.
        hash: String,
        /// What it must be.
        pin: String,
    },
    /// A plugin failed while it was asked for its functions.
    #[error("{} can't be loaded: asked for its functions, it {cause}", shown(path))]
    Describe {
        /// The plugin's file.
        path: PathBuf,
        /// What happened.
        cause: Cause,
    },
    /// A plugin's file is another one than when it was loaded.
    #[error("{} has changed since it was loaded: run again", shown(path))]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A plugin has no function of that name.
    #[error("{} has no function {name}{}; it has {}", shown(path), did_you_mean(nearest), some(functions))]
    UnknownFunction {
        /// The plugin's file.
        path: PathBuf,
        /// The name asked for.
        name: String,
        /// The functions that there are.
        functions: Vec<String>,
        /// The one that was probably meant.
        nearest: Option<String>,
    },
    /// A plugin has several functions, and none was named.
    #[error("{} has several functions ({}): choose one", shown(path), some(functions))]
    Ambiguous {
        /// The plugin's file.
        path: PathBuf,
        /// The functions that there are.
        functions: Vec<String>,
    },
}

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
    /// The file is not a plugin, or can't be compiled.
    #[error("{} {}: {problem}", shown(path), problem.verdict())]
    NotAPlugin {
        /// The file.
        path: PathBuf,
        /// Why it is not.
        problem: NotAPlugin,
    },
    /// The plugin's hash is not the one that it is pinned to.
    #[error("{} has the BLAKE3 hash {hash}, but is pinned to {}", shown(path), short(pin))]
    WrongHash {
        /// The file.
        path: PathBuf,
        /// Its hash.
        hash: String,
        /// The hash that it is pinned to.
        pin: String,
    },
    /// The plugin failed when it was asked for its functions.
    #[error("{} can't be loaded: asked for its functions, it {cause}", shown(path))]
    Describe {
        /// The plugin's file.
        path: PathBuf,
        /// What happened.
        cause: Cause,
    },
    /// The plugin's file has changed since it was loaded.
    #[error("{} has changed since it was loaded: run again", shown(path))]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The plugin has no function of that name.
    #[error("{} has no function {name}{}; it has {}", shown(path), did_you_mean(nearest), some(functions))]
    UnknownFunction {
        /// The plugin's file.
        path: PathBuf,
        /// The name asked for.
        name: String,
        /// The functions that it has.
        functions: Vec<String>,
        /// The name that was probably meant.
        nearest: Option<String>,
    },
    /// The plugin has several functions, and none was named.
    #[error("{} has several functions ({}): choose one", shown(path), some(functions))]
    Ambiguous {
        /// The plugin's file.
        path: PathBuf,
        /// The functions that it has.
        functions: Vec<String>,
    },
}

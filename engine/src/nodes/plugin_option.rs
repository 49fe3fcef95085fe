//! Which plugin a node names: the file at a path, or that file as long as it has a certain hash.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::options::Blake3;

/// A plugin, as a node names it. The reader chooses by the form of the value, which the names say.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum PluginOption {
    /// Whatever is at this path.
    #[serde(rename = "<one>")]
    Path(PathBuf),
    /// What is at this path, if it has this hash.
    #[serde(rename = "<table>")]
    Pinned(Pinned),
}

/// A plugin that must be the one that it was.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pinned {
    /// The plugin: a .wasm file, or a plugin crate's folder, which is built if it changed.
    path: PathBuf,
    /// The BLAKE3 hash of its file, in hexadecimal digits.
    blake3: Blake3,
}

impl PluginOption {
    pub(crate) fn path(&self) -> &PathBuf {
        match self {
            Self::Path(path) | Self::Pinned(Pinned { path, .. }) => path,
        }
    }

    /// The hash that it must have.
    pub(crate) fn hash(&self) -> Option<&str> {
        match self {
            Self::Path(_) => None,
            Self::Pinned(Pinned { blake3: Blake3(hash), .. }) => Some(hash),
        }
    }
}

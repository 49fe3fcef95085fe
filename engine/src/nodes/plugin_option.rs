//! Which plugin a node names: the file at a path, or that file as long as it has a certain hash.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::options::Blake3;

/// A plugin, as a node names it.
#[derive(Clone, Debug, JsonSchema)]
#[serde(untagged)]
pub(crate) enum PluginOption {
    /// Whatever is at this path.
    Path(PathBuf),
    /// What is at this path, if it has this hash.
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

impl<'de> Deserialize<'de> for PluginOption {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

/// Reads either form, so that a mistake is reported as one of the form that was chosen.
struct Written;

impl<'de> Visitor<'de> for Written {
    type Value = PluginOption;

    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("a path, or { path = …, blake3 = … }")
    }

    fn visit_str<E>(self, path: &str) -> Result<PluginOption, E> {
        Ok(PluginOption::Path(path.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PluginOption, A::Error> {
        Pinned::deserialize(MapAccessDeserializer::new(map)).map(PluginOption::Pinned)
    }
}

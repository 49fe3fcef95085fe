//! What a node uses of what is outside of this process. It is said once, before anything is opened, for the wall; a
//! node that is built gets what it said, and nothing else.

use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer};

use super::build_context::BuildContext;
use super::diagnostic::Problem;
use super::options::{Word, Written};
use crate::Capability;
use crate::wall::Program;

/// One thing that a node uses. Paths are as this process sees them.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Use {
    /// A file, or a folder with all that is in it.
    Reads(PathBuf),
    /// A file that another one may follow under the same name.
    Follows(PathBuf),
    Writes(PathBuf),
    /// A file that rotates.
    Rotates(PathBuf),
    Starts(Program),
    Listens(Address),
    Dials(Address),
    Connects(Url),
    /// Servers that tell of others.
    Asks(Url),
    /// A plugin, and the hash that it must have.
    Loads(PathBuf, Option<String>),
    Grants(Capability),
}

option! {
    /// Where a connection goes, or where it is waited for.
    Address(String), "a host and a port, as \"127.0.0.1:9000\"",
    |word| match word {
        Word::Text(text) => {
            let (host, port) = text.rsplit_once(':')?;
            (!host.is_empty() && port.parse::<u16>().is_ok()).then(|| text.to_owned())
        }
        _ => None,
    },
    { "type": "string", "description": "A host and a port, as \"127.0.0.1:9000\"." }
}

option! {
    /// To what a connection is made; several servers have commas between.
    Url(String), "a URL",
    |word| match word {
        Word::Text(text) => Some(text.to_owned()),
        _ => None,
    },
    { "type": "string" }
}

impl Address {
    /// Its host and its port.
    pub(super) fn parts(&self) -> Option<(&str, u16)> {
        let (host, port) = self.0.rsplit_once(':')?;
        Some((host, port.parse().ok()?))
    }

    /// The text, for a node that said that it listens there.
    pub(super) fn listened_at(self, context: &BuildContext) -> Result<String, Problem> {
        context.said(&Use::Listens(self.clone()))?;
        Ok(self.0)
    }

    /// The text, for a node that said that it connects to it.
    pub(super) fn dialed(self, context: &BuildContext) -> Result<String, Problem> {
        context.said(&Use::Dials(self.clone()))?;
        Ok(self.0)
    }
}

impl Url {
    /// The URLs.
    pub(super) fn each(&self) -> impl Iterator<Item = &str> {
        self.0.split(',').map(str::trim)
    }

    /// The text, for a node that said that it connects to it.
    pub(super) fn connected(self, context: &BuildContext) -> Result<String, Problem> {
        context.said(&Use::Connects(self.clone()))?;
        Ok(self.0)
    }

    /// The text, for a node that said that it asks these servers.
    pub(super) fn asked(self, context: &BuildContext) -> Result<String, Problem> {
        context.said(&Use::Asks(self.clone()))?;
        Ok(self.0)
    }
}

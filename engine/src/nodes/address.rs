//! Addresses and URLs, as people write them.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer};

use super::options::{Word, Written};

option! {
    /// Where a connection goes, or where it is waited for.
    Address(pub(crate) String), "a host and a port, as \"127.0.0.1:9000\"",
    |word| match word {
        Word::Text(text) => {
            let (host, port) = text.rsplit_once(':')?;
            (!host.is_empty() && port.parse::<u16>().is_ok()).then(|| text.to_owned())
        }
        _ => None,
    },
    { "type": "string", "description": "A host and a port, as \"127.0.0.1:9000\"." }
}

#[cfg(feature = "net")]
option! {
    /// To what a connection is made; several servers have commas between.
    Url(pub(crate) String), "a URL",
    |word| match word {
        Word::Text(text) => Some(text.to_owned()),
        _ => None,
    },
    { "type": "string" }
}

impl Address {
    /// Its host and its port.
    pub(crate) fn parts(&self) -> Option<(&str, u16)> {
        let (host, port) = self.0.rsplit_once(':')?;
        Some((host, port.parse().ok()?))
    }
}

#[cfg(feature = "net")]
impl Url {
    /// The URLs.
    pub(crate) fn each(&self) -> impl Iterator<Item = &str> {
        self.0.split(',').map(str::trim)
    }
}

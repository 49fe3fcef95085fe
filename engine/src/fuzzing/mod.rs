//! Doors for the fuzz targets to what is private. Not part of the library: only they, and unit tests, are built with it.
#![allow(missing_docs, reason = "only the fuzz targets are given it")]

mod files;
mod outcomes;
mod peers;

pub use self::files::{checkpoint, pipeline};
pub use self::outcomes::{Said, outcome};
pub use self::peers::{http_peer, websocket_peer};
pub use crate::cluster::fuzzing::{Forged, Sent, result, wire};

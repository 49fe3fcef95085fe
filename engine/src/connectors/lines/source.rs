//! Lines of a reader, as a source.

pub use crate::connectors::support::formats::{Lines, Mark, lines};

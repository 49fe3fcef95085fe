//! The source `lines`: the lines of a reader. It is in `support/formats`, since files are read by it too.

pub use crate::connectors::support::formats::{Lines, Mark, lines};

//! Sources: where a pipeline file says that records come from.

mod lines;

pub(super) use lines::{Files, Stdin};

//! Errors: why a run, or the preparation of one, failed.

mod run;

pub(crate) use run::nearest_of;
pub use run::{Error, NotAPlugin};

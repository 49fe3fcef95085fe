//! Sinks: where a pipeline file says that records go.

mod call;
mod lines;

pub(super) use call::Call;
pub(super) use lines::{File, Stdout};

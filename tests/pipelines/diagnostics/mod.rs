//! Diagnostics of pipeline files: position, problem and suggestion.

// Helpers.
mod support;

mod edges;
mod files;
mod options;
mod plugins;
mod printed;
mod syntax;

pub(super) use support::check;

//! Pipeline files: what nodes do with records, how runs behave, and what is said about mistakes.

// Helpers.
mod support;

mod checkpoints;
mod diagnostics;
mod document;
mod endpoints;
mod examples;
mod faults;
mod functions;
mod options;
mod outputs;
mod reduce;
mod replaced;
mod runs;
mod services;
mod stages;
#[cfg(unix)]
mod standard_streams;

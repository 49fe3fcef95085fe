//! Accumulators: their outputs match a naive interpreter, whatever happens to their instances.

// Helpers.
mod support;

mod command;
mod contract;
mod interpreter;
mod states;

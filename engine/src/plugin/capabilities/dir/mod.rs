//! The file system that a guest sees: `wasi:filesystem` over the folders that it was granted.
//!
//! It is ours, and not wasmtime-wasi's, so that nothing in it blocks one of the pool's threads, and all that it
//! takes of the host is charged. Paths are resolved by cap-primitives, which wasmtime-wasi's own is made of too.

mod context;
mod convert;
mod found;
pub(in crate::plugin) mod granted;
mod host;
mod listing;
mod node;
mod open;
mod paths;
mod streams;

pub(in crate::plugin) use context::{FileContext, Files, GrantedFiles};

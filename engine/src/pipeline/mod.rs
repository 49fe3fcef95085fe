//! Pipelines as files: TOML that names sources, stages and sinks, read into a graph of streams.
//!
//! `document.rs` reads the file, `kinds.rs` knows the types of nodes, `edges.rs` who takes from whom,
//! `build_context.rs` what nodes have in common while the graph is built. Each type is in `sources/`, `stages/` or
//! `sinks/`. What is wrong is reported all at once (`diagnostic.rs`).

mod build_context;
mod call;
mod diagnostic;
mod document;
mod edges;
mod environment;
mod faults;
mod file_conflicts;
mod files;
mod flow;
mod graph;
mod json;
mod kinds;
mod node;
mod open;
#[macro_use]
mod options;
mod access;
mod diagram;
mod outside;
mod pin;
mod run;
mod schema;
mod settings;
mod sinks;
mod sources;
mod stages;

pub use access::Access;
pub use diagnostic::{Diagnostic, Diagnostics};
pub use diagram::Diagram;
#[cfg(any(fuzzing, test))]
pub(crate) use open::diagnostics_of;
pub use open::{OpenError, PipelineFile, Setup};
pub use run::Pipeline;
pub use schema::schema;

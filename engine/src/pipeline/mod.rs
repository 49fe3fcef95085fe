//! Pipelines as files: TOML that names sources, stages and sinks, read into a graph of streams.
//!
//! `document.rs` reads the file, `registry.rs` knows the types of nodes, `edges.rs` which node takes from which, and
//! `open.rs` leads from the file to a graph. All that is wrong is reported at once.

mod access;
mod diagram;
mod document;
mod edges;
mod environment;
mod graph;
mod node;
mod open;
mod registry;
mod run;
mod schema;
mod settings;
mod stages;

pub use crate::nodes::{Access, Diagnostic, Diagnostics};
pub use diagram::Diagram;
#[cfg(any(fuzzing, test))]
pub(crate) use open::diagnostics_of;
pub use open::{OpenError, PipelineFile, Setup};
pub use run::Pipeline;
pub use schema::schema;

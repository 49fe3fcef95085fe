//! Runs pipelines that are written as TOML files, which name sources, stages and sinks.
//!
//! [`Pipeline::open`] reads a file, loads its plugins and builds its graph; [`Pipeline::run`] runs it. All mistakes in
//! a file are reported at once, each with its line and column ([`Diagnostics`]). [`PipelineFile`] tells what a pipeline
//! will access before anything is opened, and [`schema()`] describes the format for editors.

// `document.rs` reads the file, `registry.rs` knows the types of nodes, `edges.rs` which node takes from which, and
// `open.rs` leads from the file to a graph.

mod access;
mod diagram;
mod document;
mod edges;
mod environment;
mod graph;
mod node;
mod node_types;
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

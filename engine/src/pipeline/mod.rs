//! Pipelines as files: TOML that names sources, stages and sinks, read into a graph of streams.
//!
//! `document.rs` reads the file, `kinds.rs` knows the types of nodes, `edges.rs` who takes from whom,
//! `building.rs` what nodes have in common while the graph is built. Each type is in `sources/`, `stages/` or
//! `sinks/`. What is wrong is reported all at once (`mistake.rs`).

mod building;
mod call;
mod claims;
mod document;
mod edges;
mod environment;
mod faults;
mod files;
mod flow;
mod graph;
mod json;
mod kinds;
mod mistake;
mod node;
mod open;
#[macro_use]
mod options;
mod outside;
mod picture;
mod pin;
mod reach;
mod run;
mod schema;
mod settings;
mod sinks;
mod sources;
mod stages;

pub use mistake::{Mistake, Mistakes};
#[cfg(any(fuzzing, test))]
pub(crate) use open::mistakes_of;
pub use open::{OpenError, PipelineFile, Setup};
pub use picture::Picture;
pub use reach::Reach;
pub use run::Pipeline;
pub use schema::schema;

//! Stream processing with functions that need not be trusted.
//!
//! Functions are compiled to WebAssembly with the guest SDK and run in sandboxes that can do
//! nothing they were not given. A stream hands its elements to them one after another, or scatters
//! them over a pool of sandboxes and gathers the results in order:
//!
//! ```no_run
//! # #[tokio::main] async fn main() -> Result<(), engine::Error> {
//! use engine::{Pool, Source};
//!
//! let pool = Pool::new()?;
//! let inc = pool.load("inc.wasm").await?.function::<i64, i64>("inc")?;
//! let source = Source::new();
//! source.stream().scatter(&pool).map(&inc).buffer(8).gather().sink(|x| println!("{x}"));
//! for i in 0..10 {
//!     source.emit(i).await?;
//! }
//! source.close().await?; // every record has reached the sink
//! # Ok(()) }
//! ```
//!
//! What a run promises is said per record: its order, its limits of time and memory, its fault.
//! That records cross into the sandbox in batches can't be seen.
//!
//! # Blocking
//!
//! Calls that wait are `async`. Those that block the calling thread instead begin with `blocking_`, for programs
//! without a runtime and for closures. All others return at once, except that a few open, read or write a local file
//! within the call: [`PipelineFile::read`](pipeline::PipelineFile::read),
//! [`DeadLetters`](policy::DeadLetters), [`Output`](plugin::Output) and the functions of [`files`].
//! The entry points of helper processes, such as [`Compiler::serve`](plugin::Compiler::serve), run until their work is
//! done. Dropping a [`Dashboard`](dashboard::Dashboard), an [`Otlp`](otlp::Otlp) or the last clone of a cluster's pool
//! waits for its end.
//!
//! If the future of [`Pool::load`], [`Function::prepare`], [`Pipeline::open`](pipeline::Pipeline::open) or
//! [`ClusterPoolBuilder::build`](cluster::ClusterPoolBuilder::build) is dropped, its work goes on to its end.
//!
//! # Features
//!
//! All are on by default. Without any of them the library and what it depends on are 219 packages, on Linux.
//!
//! | Feature | Adds | Packages more |
//! |---|---|---|
//! | `net` | sources and sinks over HTTP and WebSocket, the dashboard | 48 |
//! | `cluster` | runs on other machines, and streams of NATS as sources and sinks; needs `net` | 33 beyond `net` |
//! | `otlp` | metrics and traces for OpenTelemetry; needs `net` | 15 beyond `net` |

// On docs.rs each item names the feature that it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)]

#[cfg(feature = "cluster")]
mod broker;
#[cfg(feature = "cluster")]
pub mod cluster;
mod connections;
mod connectors;
#[cfg(feature = "net")]
pub mod dashboard;
pub mod deadlines;
pub mod error;
mod executor;
mod fault;
pub mod files;
pub mod function;
#[cfg(all(any(fuzzing, test), feature = "cluster"))]
#[doc(hidden)]
pub mod fuzzing;
mod graph;
mod layout;
pub mod machine;
pub mod metrics;
mod monitor;
#[cfg(feature = "net")]
mod net;
mod nodes;
#[cfg(feature = "otlp")]
pub mod otlp;
pub mod pipeline;
pub mod plugin;
pub mod policy;
mod process;
mod progress;
mod record;
pub mod run;
pub mod text;
mod threads;
mod versions;
pub mod wall;

pub use connectors::{end_commands, sinks, sources};
pub use error::Error;
pub use executor::{Function, Plugin, Pool};
pub use fault::{Cause, Fault, Resource};
pub use function::{Capability, Kind, capability};
pub use graph::{Key, Sink, Source, Stream};
pub use monitor::Monitor;
pub use policy::FaultPolicy;
pub use progress::Progress;
pub use record::{Format, Json, Record, Shape};
pub use tokio_util::sync::CancellationToken;

/// Operators: the types that a stream's methods return, and the trait with which to write an operator.
pub mod operators {
    pub use crate::graph::{
        Accumulate, Connection, Filter, FlatMap, Flush, Keep, Map, Operator, Outputs, Part, Release,
        Scattered, Side, Starmap,
    };
    pub use crate::progress::{Keeps, Restorer, Save, Saver};
}

/// Builds a [`Pool`], and names what its functions return.
pub mod pool {
    pub use crate::executor::{PoolBuilder, Returns};
}

/// A run's progress and the states of its functions, kept in a file, from which a later run continues.
pub mod checkpoint {
    pub use crate::graph::{CheckpointedGraph, Cut, ResumableFeed, ResumableRun, RunEnd};
    pub use crate::progress::{
        Checkpoint, Done, GraphCheckpoint, InputState, OutputState, Position, SavedNode, SavedSource,
        Snapshot, WeakProgress,
    };
}

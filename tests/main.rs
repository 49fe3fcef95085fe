//! Integration tests: what users may rely on, tried as they would use it.
//!
//! Plugins are built to WebAssembly when the first test needs one.

#![expect(clippy::disallowed_methods, reason = "a test that can start no thread has failed")]

// Helpers.
mod support;

// The library: operators, local and scattered.
mod accumulate;
mod chains;
mod graphs;
mod nodes;
mod reference;
mod scattered;
mod streams;

// The sandbox: limits, faults, contract violations, symlinks, and damaged compiled code.
mod cache;
mod calls;
mod capabilities;
mod contract_violations;
mod dead_letters;
mod faults;
#[cfg(target_os = "linux")]
mod folder_explorer;
#[cfg(target_os = "linux")]
mod folder_races;
mod full_size;
mod hand_written;
mod hanging_files;
mod host_resources;
mod limits;
mod overlong_records;
#[cfg(unix)]
mod paths;
mod policies;
mod printed;
#[cfg(unix)]
mod scarce_resources;
#[cfg(target_os = "linux")]
mod wall;

// Sources and sinks.
mod acknowledgements;
mod contract;
#[cfg(feature = "cluster")]
mod nats;
mod shutdown;
mod sinks;
mod sources;
mod stalled;
#[cfg(all(unix, feature = "cluster"))]
mod stalled_many;

// The command line.
mod checkpoints;
#[cfg(target_os = "linux")]
mod compiling;
#[cfg(unix)]
mod crates;
#[cfg(unix)]
mod crates_sandboxed;
mod run;
mod tooling;
mod untrusted_text;
mod usage_errors;
mod versions;

// Clusters.
#[cfg(feature = "cluster")]
mod cluster;

// Monitoring: the dashboard in a browser, on a terminal and for programs.
mod dashboard;
mod monitoring;
#[cfg(feature = "otlp")]
mod otlp;
mod top;

// Pipeline files: nodes, diagnostics, and examples/pipelines.
mod pipelines;

// Code that must not compile, and the example plugins.
mod compile_fail;
mod real_data;

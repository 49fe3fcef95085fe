//! Runs over a cluster: a broker, workers and hosts as processes that die, sleep and come back.
//!
//! Rows are those of the table in docs/reliability.md.

// Helpers.
mod fed_run;
mod processes;

// Processes and machines that die, sleep, lose data or come back.
mod brokers;
mod hosts;
mod networks;
mod three_servers;
mod workers;

// Output and permissions.
mod messages;
mod monitoring;
mod permissions;
mod plugin_cache;
mod runs;
mod same_output;
#[cfg(target_os = "linux")]
mod stuck_threads;
mod tls;
mod untrusted_workers;

//! The same over a cluster: a broker, workers and hosts as processes of their own, which die, sleep and come back.
//!
//! Rows are those of the table in docs/reliability.md.

// What they start.
mod fed_run;
mod processes;

// Who dies, sleeps, forgets or comes back.
mod brokers;
mod hosts;
mod networks;
mod three_servers;
mod workers;

// What comes out, and who may do what.
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

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
mod kept_plugins;
mod lies;
#[cfg(target_os = "linux")]
mod lost_threads;
mod messages;
mod permissions;
mod runs;
mod same_bytes;
mod seen;
mod tls;

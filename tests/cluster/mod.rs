//! The same over a cluster: a broker, workers and hosts as processes of their own, which die, sleep and come back.
//!
//! Rows are those of the table in docs/reliability.md.

// What all of them start.
mod processes;

// Who dies, sleeps, forgets or comes back.
mod brokers;
mod hosts;
mod workers;

// What comes out, and who may do what.
mod messages;
mod permissions;
mod same_bytes;

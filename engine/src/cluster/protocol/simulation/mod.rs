//! The protocol in a simulation with faults: messages are lost, repeated, late and out of order, the broker forgets,
//! processes die, sleep and come back, and a host that was taken over goes on.
//!
//! All of it follows from one seed, which a failure names: `ENGINE_SEED=… cargo test any_fault_schedule`. With
//! `ENGINE_SEEDS=1000000` there are more runs than the usual ten thousand.

mod broker;
mod hosts;
mod messages;
mod run;
mod schedule;
mod tests;
mod workers;

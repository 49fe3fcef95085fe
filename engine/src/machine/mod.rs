//! Tells how much memory and how many files, threads and processes your program may use on this machine.
//!
//! [`Machine::here`] reads it, with the limits of the process and its control groups. A pool takes its defaults from it.

mod address_space;
mod capacity;
mod cgroup;
mod shortage;

pub(crate) use address_space::ScarceAddressSpace;
pub use capacity::Machine;

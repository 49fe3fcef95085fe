//! What the machine has for this process: the smaller of what it is and what its limits allow.

mod capacity;
mod cgroup;
mod shortage;

pub use capacity::Machine;

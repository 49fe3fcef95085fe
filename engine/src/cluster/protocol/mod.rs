//! The protocol between a host and its workers, without network, broker or clock: both are told what happens, and
//! say what is to be done.

mod draft;
pub(in crate::cluster) mod in_flight;
pub(in crate::cluster) mod leases;
mod results;
#[cfg(test)]
mod simulation;
pub(in crate::cluster) mod wire;

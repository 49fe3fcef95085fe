//! The protocol between a host and its workers, without network, broker or clock: both are told what happens, and
//! say what is to be done.

pub(in crate::cluster) mod in_flight;
pub(in crate::cluster) mod leases;
#[cfg(test)]
mod simulation;
pub(in crate::cluster) mod wire;

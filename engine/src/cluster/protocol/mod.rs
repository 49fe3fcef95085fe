//! The protocol between a host and its workers, without network, broker or clock: both take in what happens, and
//! return what to do.

mod draft;
pub(in crate::cluster) mod in_flight;
pub(in crate::cluster) mod leases;
mod results;
#[cfg(test)]
mod simulation;
pub(in crate::cluster) mod wire;

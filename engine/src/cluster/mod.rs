//! The same pipeline over many machines: a host that hands batches out through a broker, and workers that take
//! them up.

mod duty;
mod ledger;
#[cfg(test)]
mod simulation;
mod wire;

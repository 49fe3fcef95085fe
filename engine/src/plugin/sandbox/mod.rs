//! What a guest has around it while it runs: its sandbox, the clock of its calls, and what it says of them.

pub(in crate::plugin) mod hints;
pub(in crate::plugin) mod meter;
pub(in crate::plugin) mod store;
pub(in crate::plugin) mod ticker;

pub(in crate::plugin) use store::Sandbox;

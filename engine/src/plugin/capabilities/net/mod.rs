//! TCP connections to the hosts that were granted, and the addresses of their names.

pub(in crate::plugin) mod addresses;
pub(in crate::plugin) mod connections;
pub(in crate::plugin) mod granted;
pub(in crate::plugin) mod guest;
pub(in crate::plugin) mod names;
pub(in crate::plugin) mod sockets;

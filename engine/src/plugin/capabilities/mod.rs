//! What the sandbox gives a function for each capability that it was granted.

pub(in crate::plugin) mod clock;
pub(in crate::plugin) mod dir;
mod env;
mod give;
pub(in crate::plugin) mod grants;
pub(in crate::plugin) mod net;
pub(in crate::plugin) mod random;

pub(in crate::plugin) use give::give;

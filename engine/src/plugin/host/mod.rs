//! What guests hold of the host: descriptors, buffers, and threads that their file operations block.

pub(in crate::plugin) mod closes;
pub(in crate::plugin) mod files;
pub(in crate::plugin) mod quota;
pub(in crate::plugin) mod resources;
pub(in crate::plugin) mod threads;

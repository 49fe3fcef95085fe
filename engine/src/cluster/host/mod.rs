//! The host of a run: what its pool sees, and what hands tasks out and takes results in.

pub(in crate::cluster) mod dispatcher;
pub(in crate::cluster) mod executor;
pub(in crate::cluster) mod membership;
pub(in crate::cluster) mod registry;

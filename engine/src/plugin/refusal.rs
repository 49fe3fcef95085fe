//! Host calls that are refused since a guest has enough: an error that ends the guest, and says of what.

use std::fmt;

use crate::fault::{Cause, Resource};

/// A guest asked for more of a resource than it may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    pub(super) resource: Resource,
    /// How much of it one guest may have.
    pub(super) limit: u64,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Cause::from(*self).fmt(f)
    }
}

impl std::error::Error for Refusal {}

impl From<Refusal> for Cause {
    fn from(Refusal { resource, limit }: Refusal) -> Self {
        Self::LimitExceeded { resource, limit }
    }
}

//! Files that come into a folder.

mod arrivals;
pub(super) mod source;

//! Files of records that end with a newline or another separator.

mod follow;
pub(super) mod sink;
pub(super) mod source;

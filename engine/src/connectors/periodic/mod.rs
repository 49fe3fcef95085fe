//! A record in each interval.

pub(super) mod source;

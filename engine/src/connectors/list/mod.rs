//! A list that a program reads.

pub(super) mod sink;

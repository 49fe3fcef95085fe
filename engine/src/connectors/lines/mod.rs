//! Lines that a program prints.

pub(super) mod sink;

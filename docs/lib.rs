//! The guide's pages about Rust: their code is compiled and run as that of documentation is.

#[cfg(doctest)]
#[doc = include_str!("guide/src/rust.md")]
#[doc = include_str!("guide/src/dashboard.md")]
mod guide {}

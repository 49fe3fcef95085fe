//! Types with a form of their own, read and written without serde and without allocating.
//!
//! - `number`: integers, floats and booleans, which are JSON
//! - `digits`: short integers, read eight digits at a time
//! - `text` and `bytes`: records as they are
//! - `traits`: what the types have in common

mod bytes;
mod digits;
mod number;
mod text;
mod traits;

pub use traits::{Plain, Primitive};

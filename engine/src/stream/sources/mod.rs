//! Sources that read from outside the program.

mod lines;

pub use lines::{Lines, dead_letters, lines};

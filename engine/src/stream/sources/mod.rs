//! Sources that read from outside the program.

mod lines;

pub use lines::{Lines, Mark, dead_letters, lines};

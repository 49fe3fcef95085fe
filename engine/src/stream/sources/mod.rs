//! Sources that read from outside the program.

mod channel;
mod feed;
mod files;
mod lines;

pub use channel::{Channel, Sender, channel};
pub use feed::Feed;
pub use files::{Files, files};
pub use lines::{Lines, Mark, dead_letters, lines};

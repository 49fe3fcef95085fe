//! How bytes become records, independent of where they come from.

mod blocks;
pub(in crate::connectors) mod counting;
mod csv;
pub(in crate::connectors) mod encoding;
mod layout;
mod line_rows;
mod lines;
mod ndjson;
mod pieces;
pub(in crate::connectors) mod rows;
pub(in crate::connectors) mod splitter;

pub use csv::Csv;
pub use layout::Layout;
pub use lines::{Lines, Mark, lines};
pub(in crate::connectors) use pieces::emit_pieces;
pub use rows::Reading;

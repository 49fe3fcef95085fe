//! How bytes become records, apart from where they come from.

pub(in crate::connectors) mod compressed;
mod counting;
mod csv;
mod layout;
mod lines;
mod ndjson;
pub(in crate::connectors) mod rows;
pub(in crate::connectors) mod splitter;

pub use csv::Csv;
pub use layout::Layout;
pub(in crate::connectors) use lines::emit_pieces;
pub use lines::{Lines, Mark, lines};
pub use rows::Reading;

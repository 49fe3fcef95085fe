//! How a record's bytes become a value, and a value the bytes of a record.
//!
//! - `append`: bytes to the end of a vector, fast where they are few
//! - `choose`: which of the two codecs a type has
//! - `plain`: numbers, text and bytes, read and written without serde
//! - `json`: every other type that serde knows
//! - `undecodable`: what is said of a record that can't be read

mod append;
mod choose;
mod json;
mod plain;
mod undecodable;

pub use choose::{ChooseJson, ChooseNone, ChoosePlain, Tag};
use undecodable::undecodable;

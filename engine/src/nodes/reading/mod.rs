//! Reads the options of nodes from their tables: all mistakes of a table at once, each with its place.

mod access;
mod choices;
mod mistake;
mod table;
#[cfg(test)]
mod tests;
mod value;

pub(crate) use table::Table;
pub(crate) use value::to_json;

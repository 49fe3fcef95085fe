//! Functions that misbehave on records that hold the word `bad`, and return all others as they
//! are; so a test sees what the fault does to its neighbours. Those that don't go by the record
//! say so.

mod hoards;
mod kinds;
mod output;
mod reach;
mod resources;
mod sums;
mod time;
mod traps;

/// Whether to misbehave.
fn is_bad(record: &str) -> bool {
    record.contains("bad")
}

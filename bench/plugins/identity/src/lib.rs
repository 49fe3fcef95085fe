//! Gives each record back as it is.

use engine_sdk::map;

/// Gives the record back.
#[map]
fn identity(record: &[u8]) -> &[u8] {
    record
}

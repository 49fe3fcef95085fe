//! Prints each record on a line of its own.

use std::io::{self, Write};

use engine_sdk::sink;

/// Prints the record.
#[sink]
fn print(record: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{record}")
}

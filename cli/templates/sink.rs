//! NAME: the end of a stream. What it prints is the output of the run.

use std::io::{self, Write};

use engine_sdk::sink;

/// Prints each record with `prefix` before it.
#[sink(prefix = "> ")]
fn FUNCTION(
    record: &str,
    /// What stands before each record.
    prefix: &str,
) -> io::Result<()> {
    writeln!(io::stdout(), "{}", line(record, prefix))
}

fn line(record: &str, prefix: &str) -> String {
    format!("{prefix}{record}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn puts_the_prefix_before_the_record() {
        assert_eq!(line("a", "> "), "> a");
    }
}

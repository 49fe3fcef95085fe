//! Adds one to each record.

use engine_sdk::map;

/// Adds one.
#[map]
fn inc(x: i64) -> i64 {
    x + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_one() {
        assert_eq!(inc(41), 42);
    }
}

//! NAME: adds to each record.

use engine_sdk::map;

/// Adds `step`.
#[map(step = 1)]
fn FUNCTION(
    x: i64,
    /// How much to add.
    step: i64,
) -> i64 {
    x + step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_the_step() {
        assert_eq!(FUNCTION(41, 1), 42);
    }
}

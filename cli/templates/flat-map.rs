//! NAME: gives any number of records for each.

use engine_sdk::flat_map;

/// The words of a line.
#[flat_map]
fn FUNCTION(line: &str) -> impl Iterator<Item = &str> {
    line.split_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_a_line_at_its_spaces() {
        assert_eq!(FUNCTION("to be  or not").collect::<Vec<_>>(), ["to", "be", "or", "not"]);
    }
}

//! NAME: keeps some of the records.

use engine_sdk::filter;

/// Keeps lines that hold `word`.
#[filter]
fn FUNCTION(
    line: &str,
    /// What to look for.
    word: &str,
) -> bool {
    line.contains(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_lines_with_the_word() {
        assert!(FUNCTION("GET /index.html", "GET"));
        assert!(!FUNCTION("POST /form", "GET"));
    }
}

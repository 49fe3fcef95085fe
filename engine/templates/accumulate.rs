//! NAME: keeps a state from record to record.

use engine_sdk::accumulate;

/// The sum of all numbers so far.
#[accumulate]
fn FUNCTION(sum: &mut i64, x: i64) -> Result<i64, String> {
    *sum = sum.checked_add(x).ok_or_else(|| format!("{sum} + {x} is too large"))?;
    Ok(*sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_up() {
        let mut sum = 0;
        assert_eq!(FUNCTION(&mut sum, 40), Ok(40));
        assert_eq!(FUNCTION(&mut sum, 2), Ok(42));
    }
}

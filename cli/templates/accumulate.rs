//! NAME: keeps a state from record to record.

use engine_sdk::accumulate;

/// The sum of all numbers so far.
#[accumulate]
fn FUNCTION(so_far: &mut i64, x: i64) -> Result<i64, String> {
    *so_far = so_far.checked_add(x).ok_or_else(|| format!("{so_far} + {x} is too large"))?;
    Ok(*so_far)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_up() {
        let mut so_far = 0;
        assert_eq!(FUNCTION(&mut so_far, 40), Ok(40));
        assert_eq!(FUNCTION(&mut so_far, 2), Ok(42));
    }
}

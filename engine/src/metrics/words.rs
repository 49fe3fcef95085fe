//! Numbers and times, as people read them.

use std::time::Duration;

/// A number of three digits at most, and its thousands: `12.3 k`.
#[must_use]
#[expect(clippy::float_cmp, reason = "whole numbers are told from others")]
pub fn short(n: f64) -> String {
    for (limit, unit) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] {
        if n >= limit {
            return format!("{:.*} {unit}", digits(n / limit), n / limit);
        }
    }
    let whole = n >= 100.0 || n == n.trunc();
    format!("{n:.*}", if whole { 0 } else { 1 })
}

/// A time of two or three digits, in nanoseconds.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "it is rounded")]
pub fn span(nanos: u64) -> String {
    let n = nanos as f64;
    for (limit, unit) in [(6e10, "min"), (1e9, "s"), (1e6, "ms"), (1e3, "µs")] {
        if n >= limit {
            return format!("{:.*} {unit}", usize::from(n < 10.0 * limit), n / limit);
        }
    }
    format!("{nanos} ns")
}

/// Hours, if there are any, minutes and seconds.
#[must_use]
pub fn clock(time: Duration) -> String {
    let s = time.as_secs();
    let minutes = format!("{:02}:{:02}", s / 60 % 60, s % 60);
    if s >= 3600 { format!("{}:{minutes}", s / 3600) } else { minutes }
}

fn digits(n: f64) -> usize {
    match n {
        ..10.0 => 2,
        10.0..100.0 => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_at_most() {
        let told = [0.0, 7.0, 7.25, 999.0, 1000.0, 12_345.0, 123_456.0, 20e6, 1.5e9].map(short);
        assert_eq!(told, ["0", "7", "7.2", "999", "1.00 k", "12.3 k", "123 k", "20.0 M", "1.50 G"]);
    }

    #[test]
    fn times_have_their_unit() {
        let told = [0, 999, 1500, 29_000, 1_000_000, 61_000_000_000].map(span);
        assert_eq!(told, ["0 ns", "999 ns", "1.5 µs", "29 µs", "1.0 ms", "1.0 min"]);
        assert_eq!([59, 3599, 3661].map(|s| clock(Duration::from_secs(s))), ["00:59", "59:59", "1:01:01"]);
    }
}

//! Numbers and times, as people read them.

use std::time::Duration;

/// A number with at most three digits and a unit: `12.3 k`.
#[must_use]
#[expect(clippy::float_cmp, reason = "it separates whole numbers from others")]
pub fn short(n: f64) -> String {
    for (limit, unit) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] {
        // What would be rounded to 1000 has the next unit.
        if n >= 0.9995 * limit {
            return format!("{:.*} {unit}", digits(n / limit), n / limit);
        }
    }
    let whole = n >= 99.95 || n == n.trunc();
    format!("{n:.*}", if whole { 0 } else { 1 })
}

/// A time in nanoseconds, with two or three digits: `1.5 µs`.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "it is rounded")]
pub fn span(nanos: u64) -> String {
    let n = nanos as f64;
    for (limit, from, unit) in
        [(6e10, 5.95e10, "min"), (1e9, 9.995e8, "s"), (1e6, 9.995e5, "ms"), (1e3, 9.995e2, "µs")]
    {
        if n >= from {
            return format!("{:.*} {unit}", usize::from(n < 9.95 * limit), n / limit);
        }
    }
    format!("{nanos} ns")
}

/// A size in bytes, with two or three digits: `1.5 MiB`.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "it is rounded")]
pub fn size(bytes: usize) -> String {
    let n = bytes as f64;
    for (power, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
        let limit = f64::from(1 << power);
        if n >= limit - limit / 2048.0 {
            return format!("{:.*} {unit}", usize::from(n < 9.95 * limit && n % limit != 0.0), n / limit);
        }
    }
    format!("{bytes} B")
}

/// A time as minutes and seconds, with hours if there are any: `1:01:01`.
#[must_use]
pub fn clock(time: Duration) -> String {
    let s = time.as_secs();
    let minutes = format!("{:02}:{:02}", s / 60 % 60, s % 60);
    if s >= 3600 { format!("{}:{minutes}", s / 3600) } else { minutes }
}

/// A time like [`clock`], or in milliseconds if it is shorter than a second.
#[must_use]
pub fn long(time: Duration) -> String {
    if time < Duration::from_secs(1) { format!("{} ms", time.as_millis()) } else { clock(time) }
}

fn digits(n: f64) -> usize {
    match n {
        ..9.995 => 2,
        9.995..99.95 => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_at_most_three_digits() {
        let told = [0.0, 7.0, 7.25, 999.0, 1000.0, 12_345.0, 123_456.0, 20e6, 1.5e9].map(short);
        assert_eq!(told, ["0", "7", "7.2", "999", "1.00 k", "12.3 k", "123 k", "20.0 M", "1.50 G"]);
        // Also those that are rounded up.
        let told = [99.96, 999.6, 9_994.0, 9_999_950.0, 10e6, 99_960_000.0, 999_500.0, 999_400.0].map(short);
        assert_eq!(told, ["100", "1.00 k", "9.99 k", "10.0 M", "10.0 M", "100 M", "1.00 M", "999 k"]);
    }

    #[test]
    fn sizes_have_units() {
        let told = [0, 1023, 1024, 1536, 20 << 20, 3 << 29].map(size);
        assert_eq!(told, ["0 B", "1023 B", "1 KiB", "1.5 KiB", "20 MiB", "1.5 GiB"]);
        let told = [(10 << 10) - 1, (1 << 20) - 1, (10 << 20) - 1].map(size);
        assert_eq!(told, ["10 KiB", "1.0 MiB", "10 MiB"]);
    }

    #[test]
    fn times_have_units() {
        let told = [0, 999, 1500, 29_000, 1_000_000, 61_000_000_000].map(span);
        assert_eq!(told, ["0 ns", "999 ns", "1.5 µs", "29 µs", "1.0 ms", "1.0 min"]);
        let told = [9_999, 999_900, 9_990_000_000, 59_900_000_000].map(span);
        assert_eq!(told, ["10 µs", "1.0 ms", "10 s", "1.0 min"]);
        assert_eq!([59, 3599, 3661].map(|s| clock(Duration::from_secs(s))), ["00:59", "59:59", "1:01:01"]);
        assert_eq!([0, 412, 1500].map(|ms| long(Duration::from_millis(ms))), ["0 ms", "412 ms", "00:01"]);
    }
}

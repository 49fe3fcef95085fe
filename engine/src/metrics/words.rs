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

/// A size of two or three digits, in bytes: `1.5 MiB`.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "it is rounded")]
pub fn size(bytes: usize) -> String {
    let n = bytes as f64;
    for (power, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
        let limit = f64::from(1 << power);
        if n >= limit {
            return format!("{:.*} {unit}", usize::from(n < 10.0 * limit && n % limit != 0.0), n / limit);
        }
    }
    format!("{bytes} B")
}

/// A text that a terminal shows as it is: what would move the cursor, change colours or the direction of
/// writing, or join letters to others, becomes `\u{fffd}`.
#[must_use]
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if is_plain(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

fn is_plain(c: char) -> bool {
    let hidden = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0000}'..='\u{e0fff}');
    !c.is_control() && !hidden
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
    fn sizes_have_their_unit() {
        let told = [0, 1023, 1024, 1536, 20 << 20, 3 << 29].map(size);
        assert_eq!(told, ["0 B", "1023 B", "1 KiB", "1.5 KiB", "20 MiB", "1.5 GiB"]);
    }

    #[test]
    fn what_is_no_text_is_replaced() {
        assert_eq!(plain("a\x1b[2Jb\u{9b}c\r\n\u{202e}d\u{200d}é 漢字"), "a�[2Jb�c���d�é 漢字");
    }

    #[test]
    fn times_have_their_unit() {
        let told = [0, 999, 1500, 29_000, 1_000_000, 61_000_000_000].map(span);
        assert_eq!(told, ["0 ns", "999 ns", "1.5 µs", "29 µs", "1.0 ms", "1.0 min"]);
        assert_eq!([59, 3599, 3661].map(|s| clock(Duration::from_secs(s))), ["00:59", "59:59", "1:01:01"]);
    }
}

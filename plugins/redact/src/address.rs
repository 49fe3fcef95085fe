//! Where IPv4 addresses stand: four numbers up to 255 with dots between them, and no fifth.

use std::ops::Range;

/// The first address in `text` that begins at `from` or later.
pub(crate) fn find(text: &str, from: usize) -> Option<Range<usize>> {
    let mut start = from;
    loop {
        start += text[start..].find(|c: char| c.is_ascii_digit())?;
        let length = dotted(&text[start..]);
        if is_address(&text[start..start + length]) {
            return Some(start..start + length);
        }
        start += length;
    }
}

/// The length of the numbers at the start of `text` with single dots between them.
fn dotted(text: &str) -> usize {
    let mut end = 0;
    for number in text.split('.') {
        let digits = number.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            break;
        }
        end = number.as_ptr() as usize - text.as_ptr() as usize + digits;
        if digits < number.len() {
            break;
        }
    }
    end
}

fn is_address(numbers: &str) -> bool {
    let is_octet = |number: &str| number.len() <= 3 && number.parse::<u8>().is_ok();
    numbers.split('.').count() == 4 && numbers.split('.').all(is_octet)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `expected` has `<` and `>` around each address.
    #[track_caller]
    fn check(expected: &str) {
        let text = expected.replace(['<', '>'], "");
        let (mut marked, mut done) = (String::new(), 0);
        while let Some(found) = find(&text, done) {
            marked = format!("{marked}{}<{}>", &text[done..found.start], &text[found.clone()]);
            done = found.end;
        }
        assert_eq!(marked + &text[done..], expected);
    }

    #[test]
    fn finds_addresses_anywhere() {
        check("<192.0.2.1>");
        check("from <192.0.2.255>, then (<198.51.100.0>:8080) and http://<203.0.113.9>/x.");
        check("::ffff:<192.0.2.1> ip<192.0.2.1>ü <192.000.002.001>");
    }

    #[test]
    fn finds_both_ends_of_a_range() {
        check("<192.0.2.1>-<192.0.2.9> <192.0.2.1>..<192.0.2.9> <192.0.2.1>/24");
    }

    #[test]
    fn leaves_text_that_is_no_address() {
        for text in
            ["", "1", "1.2.3", "1.2.3.4.5", "192.0.2.256", "192.0.2.0001", "1..2.3.4", "1.2.3.", "٣.0.2.1"]
        {
            check(text);
        }
    }
}

//! Masks what should not be passed on: email addresses and IPv4 addresses.
//!
//! Where it is unclear whether something is an address, it is masked: a word too few is better than
//! an address too many. A line of JSON stays a line of JSON, if the mask is one.

mod address;
mod email;

use std::borrow::Cow;
use std::ops::Range;

use engine_sdk::map;

/// Masks email addresses.
#[map(mask = "[email]")]
fn emails<'r>(
    record: &'r str,
    /// What stands in for each address.
    mask: &str,
) -> Cow<'r, str> {
    replace(record, mask, email::find)
}

/// Masks IPv4 addresses. A version of four numbers, such as 118.0.0.0, looks the same.
#[map(mask = "[address]")]
fn addresses<'r>(
    record: &'r str,
    /// What stands in for each address.
    mask: &str,
) -> Cow<'r, str> {
    replace(record, mask, address::find)
}

/// Replaces all that `find` finds, which gets the text and where to begin.
fn replace<'t>(
    text: &'t str,
    mask: &str,
    find: impl Fn(&str, usize) -> Option<Range<usize>>,
) -> Cow<'t, str> {
    let mut masked = String::new();
    let mut done = 0;
    while let Some(found) = find(text, done) {
        masked.push_str(&text[done..found.start]);
        masked.push_str(mask);
        done = found.end;
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    masked.push_str(&text[done..]);
    Cow::Owned(masked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_addresses_is_borrowed() {
        assert!(matches!(emails("nothing here", "x"), Cow::Borrowed("nothing here")));
        assert!(matches!(addresses("", "x"), Cow::Borrowed("")));
    }

    #[test]
    fn each_function_masks_its_own_kind() {
        let line = "ann@example.org from 192.0.2.7";
        assert_eq!(emails(line, "[email]"), "[email] from 192.0.2.7");
        assert_eq!(addresses(line, ""), "ann@example.org from ");
    }

    #[test]
    fn a_mask_that_is_an_address_is_not_masked_again() {
        assert_eq!(emails("a@example.org b@example.net", "x@example.com"), "x@example.com x@example.com");
    }
}

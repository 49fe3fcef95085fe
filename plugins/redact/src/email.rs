//! Where email addresses stand. Quoted names (`"ann b"@example.org`) are not found.

use std::ops::Range;

/// The first address in `text` that begins at `from` or later.
pub(crate) fn find(text: &str, from: usize) -> Option<Range<usize>> {
    text[from..].match_indices('@').find_map(|(at, _)| {
        let at = from + at;
        let name = name_before(&text[from..at])?;
        let domain = domain_after(&text[at + 1..])?;
        Some(at - name.len()..at + 1 + domain.len())
    })
}

/// The name at the end of `text`.
fn name_before(text: &str) -> Option<&str> {
    // The backslash keeps escapes of JSON whole: `\nann@example.org`, `j\u00f6rg@example.org`.
    let is_part = |c: char| c.is_alphanumeric() || "._%+-'\\".contains(c);
    let start = text.trim_end_matches(is_part).len();
    let name = text[start..].trim_start_matches(['.', '-', '\'']);
    (!name.is_empty()).then_some(name)
}

/// The domain at the start of `text`: the longest that ends in a label like `org`.
fn domain_after(text: &str) -> Option<&str> {
    let is_part = |c: char| c.is_alphanumeric() || "._-".contains(c);
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let mut domain = &text[..end];
    while let Some((before, label)) = domain.rsplit_once('.') {
        let is_top = label.starts_with(char::is_alphabetic) && label.chars().count() > 1;
        if is_top && !before.is_empty() {
            return Some(domain);
        }
        domain = before;
    }
    None
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
        check("<ann@example.org>");
        check("To: Ann (<ann.b+tag@mail.example.co.uk>), <o'hara_9%x@example-1.com>.");
        check("mailto:<ann@example.org>?subject=x user=<ann@example.org> https://<ann@example.org>/x");
        check("<a@example.org>,<b@example.org>;<c@example.org>");
    }

    #[test]
    fn leaves_quotes_dots_and_dashes_around_them() {
        check("'<ann@example.org>' …<ann@example.org>... --<ann@example.org>");
        check("<ann@example.org>.2 and <ann@example.org>.");
    }

    #[test]
    fn accepts_letters_of_any_language() {
        check("<jörg@exämple.org> <用户@例子.公司>");
    }

    #[test]
    fn keeps_json_valid() {
        check(r#"{"to":"<ann@example.org>","text":"a <\nann@example.org>\n\"<ann@example.org>\""}"#);
        check(r#"{"to":"<j\u00f6rg@example.org>"}"#);
    }

    #[test]
    fn takes_the_first_of_two_overlapping_addresses() {
        check("<a@example.org>@example.net");
        check("a@<b@example.org>");
    }

    #[test]
    fn leaves_text_that_is_no_address() {
        for text in ["", "@", "a@", "@example.org", "a@b", "a@.org", "a@b.c", "a@127.0.0.1", "a @example.org"]
        {
            check(text);
        }
    }
}

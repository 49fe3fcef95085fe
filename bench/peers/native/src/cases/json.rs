//! Reads each line as an event, changes it, and writes it.

use anyhow::Context;
use event::Event;

/// Appends the changed event of each line of `input` to `output`, and gives that back. `input` is whole
/// lines.
pub(crate) fn lines(input: &[u8], mut output: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    output.reserve(input.len() + input.len() / 8);
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', input) {
        let event: Event = serde_json::from_slice(&input[start..end]).context("not an event")?;
        serde_json::to_writer(&mut output, &event::change(event)).context("can't write an event")?;
        output.push(b'\n');
        start = end + 1;
    }
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = concat!(
        r#"{"id":1,"ts":2,"user":{"name":"A \"B\"","email":"a@example.com","country":"fr"},"amount":99.99,"#,
        r#""currency":"EUR","tags":["new","gi\"ft"],"items":[{"sku":"K-1","count":3,"price":33.33}],"#,
        r#""note":"two\nlines"}"#
    );

    #[test]
    fn changes_its_fields_and_keeps_the_rest() -> anyhow::Result<()> {
        let output = lines(format!("{BEFORE}\n").as_bytes(), Vec::new())?;
        let expected = BEFORE.replace("99.99", "89.99").replace("fr", "FR") + "\n";
        assert_eq!(String::from_utf8(output)?, expected);
        Ok(())
    }
}

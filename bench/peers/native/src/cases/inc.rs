//! Adds one to the number on each line.

use anyhow::bail;

/// Appends each number of `input` plus one to `output`, and gives that back. `input` is whole lines.
pub(crate) fn lines(input: &[u8], mut output: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    output.reserve(input.len() + input.len() / 4);
    let mut digits = itoa::Buffer::new();
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', input) {
        let line = &input[start..end];
        let Ok(Ok(number)) = str::from_utf8(line).map(str::parse::<i64>) else {
            bail!("not a number: {:?}", String::from_utf8_lossy(line));
        };
        output.extend_from_slice(digits.format(number + 1).as_bytes());
        output.push(b'\n');
        start = end + 1;
    }
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_one_to_each_line() -> anyhow::Result<()> {
        assert_eq!(lines(b"9\n-1\n41\n", Vec::new())?, b"10\n0\n42\n");
        Ok(())
    }

    #[test]
    fn a_line_without_a_number_is_an_error() {
        assert!(lines(b"1\none\n", Vec::new()).is_err());
    }
}

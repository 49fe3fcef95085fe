//! A command as pipeline files write it.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Unexpected, Visitor};

/// A program and its arguments, without a shell: `["seq", "3"]`.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(transparent)]
pub(super) struct Words(pub(super) Vec<String>);

/// What only a shell understands.
const OF_SHELLS: &[char] = &['|', '&', ';', '<', '>', '$', '`', '*', '?', '~', '\'', '"', '\\', '(', ')'];

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordsVisitor)
    }
}

struct WordsVisitor;

impl<'de> Visitor<'de> for WordsVisitor {
    type Value = Words;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the program and its arguments as a list, as in [\"seq\", \"3\"]")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Words, E> {
        let list = match text.contains(OF_SHELLS) {
            true => format!("{:?}", ["sh", "-c", text]),
            false => format!("{:?}", text.split_whitespace().collect::<Vec<_>>()),
        };
        // The reader of options makes the message of this.
        Err(E::invalid_value(Unexpected::Str(text), &format!("a list, as {list}").as_str()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Words, A::Error> {
        let mut words = Vec::new();
        while let Some(word) = sequence.next_element()? {
            words.push(word);
        }
        Ok(Words(words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Words, String> {
        #[derive(Deserialize)]
        struct Table {
            command: Words,
        }
        let table = toml::from_str::<Table>(&format!("command = {text}"));
        table.map(|table| table.command).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_command_that_is_no_list_says_which_list_to_write() {
        assert_eq!(read(r#"["seq", "3"]"#), Ok(Words(vec!["seq".into(), "3".into()])));
        let says = |text: &str, list: &str| read(text).unwrap_err().ends_with(&format!("a list, as {list}"));
        assert!(says(r#""seq 3""#, r#"["seq", "3"]"#));
        assert!(says(r#""seq 3 | head""#, r#"["sh", "-c", "seq 3 | head"]"#));
        assert!(read("3").unwrap_err().contains("the program and its arguments as a list"));
    }
}

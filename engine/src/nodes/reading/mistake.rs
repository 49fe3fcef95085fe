//! What is wrong with a value, as data. Its text is made from that, so no message is in another library's words.

use std::fmt;
use std::ops::Range;

use serde::de::{Error, Expected, Unexpected};
use toml::Spanned;
use toml::de::DeValue;

use crate::record::shorten;

/// What is wrong with a value, and where it is.
#[derive(Clone, Debug)]
pub(super) struct Mistake {
    pub(super) wrong: Wrong,
    /// The value, once known.
    pub(super) span: Option<Range<usize>>,
    /// The way from the table to the value; its last step is the first.
    steps: Vec<Step>,
}

/// Leads from a value to a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Item(usize),
}

/// What is wrong with a value.
#[derive(Clone, Debug)]
pub(super) enum Wrong {
    /// It is not what an option takes.
    Unexpected {
        expected: String,
        /// Empty until the value is known.
        found: String,
    },
    /// It is a list in other words.
    NoList { words: String },
    /// It is none of the choices that there are.
    Choice {
        /// The word that it is, or the only key that it has.
        word: Option<String>,
        /// Empty until the value is known.
        found: String,
    },
    /// It lacks this option.
    Missing(&'static str),
    /// The type of the option says no more.
    Unreadable,
}

impl Mistake {
    pub(super) fn new(wrong: Wrong) -> Self {
        Self { wrong, span: None, steps: Vec::new() }
    }

    /// Something else than this was found.
    pub(super) fn unexpected(expected: impl Into<String>) -> Self {
        Self::new(Wrong::Unexpected { expected: expected.into(), found: String::new() })
    }

    /// This word, or something that is no word, is no choice.
    pub(super) fn choice(word: Option<&str>) -> Self {
        Self::new(Wrong::Choice { word: word.map(str::to_owned), found: String::new() })
    }

    /// The same of this value, unless it is known to be of a part of it.
    pub(super) fn of(mut self, value: &Spanned<DeValue>) -> Self {
        if self.span.is_none() {
            self.span = Some(value.span());
            if let Wrong::Unexpected { found, .. } | Wrong::Choice { found, .. } = &mut self.wrong {
                *found = shown(value.get_ref());
            }
        }
        self
    }

    /// The same of the value of a word, unless the word is wrong itself.
    pub(super) fn of_part(self, value: &Spanned<DeValue>, step: Step) -> Self {
        match (&self.wrong, &self.span) {
            (Wrong::Choice { .. }, None) => self,
            _ => self.of(value).within(step),
        }
    }

    pub(super) fn within(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// The way from the table to the value.
    pub(super) fn path(&self) -> Vec<Step> {
        self.steps.iter().rev().cloned().collect()
    }
}

/// A value as messages show it.
fn shown(value: &DeValue) -> String {
    match value {
        DeValue::String(text) => shorten(text.as_bytes()),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(boolean) => boolean.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(table) if table.len() == 1 => {
            let key = table.keys().next().map_or("", |key| key.get_ref());
            format!("{{ {} = … }}", shorten(key.as_bytes()).trim_matches('"'))
        }
        DeValue::Table(_) => "a table".to_owned(),
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.wrong)
    }
}

impl std::error::Error for Mistake {}

/// What serde's derived code finds wrong. `expected` is written by the types of options.
impl Error for Mistake {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::new(Wrong::Unreadable)
    }

    fn invalid_type(_: Unexpected, expected: &dyn Expected) -> Self {
        Self::unexpected(expected.to_string())
    }

    fn invalid_value(_: Unexpected, expected: &dyn Expected) -> Self {
        Self::unexpected(expected.to_string())
    }

    fn unknown_variant(variant: &str, _: &'static [&'static str]) -> Self {
        Self::choice(Some(variant))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Wrong::Missing(field))
    }
}

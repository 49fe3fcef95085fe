//! Reads a value of the file as the type that an option has.
//!
//! Which kind of value a type takes is checked here, with words for people. A table keeps its unknown keys apart, so
//! that they don't hide what else is wrong.

use std::cell::RefCell;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, Visitor};
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::access::{Entries, Items, Variant};
use super::mistake::{Mistake, Step, Wrong};

/// A value of the file.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    value: &'a Spanned<DeValue<'a>>,
    /// The key that it has, or the name of its table.
    pub(super) name: &'a str,
    unknown: &'a RefCell<Vec<Unknown>>,
}

/// A key that no option of its table has.
#[derive(Clone, Debug)]
pub(super) struct Unknown {
    pub(super) span: Range<usize>,
    pub(super) table: String,
    pub(super) key: String,
    pub(super) known: &'static [&'static str],
}

/// A value as JSON.
pub(crate) fn to_json(value: &Spanned<DeValue>) -> Option<serde_json::Value> {
    serde_json::Value::deserialize(Value::new(value, "", &RefCell::default())).ok()
}

impl<'a> Value<'a> {
    /// Unknown keys of tables go to `unknown`.
    pub(super) fn new(
        value: &'a Spanned<DeValue<'a>>,
        name: &'a str,
        unknown: &'a RefCell<Vec<Unknown>>,
    ) -> Self {
        Self { value, name, unknown }
    }

    pub(super) fn part(self, value: &'a Spanned<DeValue<'a>>, name: &'a str) -> Self {
        Self { value, name, ..self }
    }

    fn table(self) -> Result<&'a DeTable<'a>, Mistake> {
        let table = self.value.get_ref().as_table();
        table.ok_or_else(|| Mistake::unexpected("a table, as { name = … }"))
    }

    fn entries(self, table: &'a DeTable<'a>, known: impl Fn(&str) -> bool) -> Entries<'a> {
        let entries: Vec<_> = table.iter().filter(|(key, _)| known(key.get_ref())).collect();
        Entries::new(self, entries)
    }

    /// A list, which a text may be meant to be.
    fn list(self) -> Result<Items<'a>, Mistake> {
        match self.value.get_ref() {
            DeValue::Array(items) => Ok(Items::new(self, items)),
            DeValue::String(text) => Err(Mistake::new(Wrong::NoList { words: text.clone().into_owned() })),
            _ => Err(Mistake::unexpected("a list")),
        }
    }

    /// The variant that is meant for values of this form: its name says so in angle brackets.
    fn by_form(self, variants: &'static [&'static str]) -> Option<&'static str> {
        let form = match self.value.get_ref() {
            DeValue::Array(_) => "<list>",
            DeValue::Table(_) => "<table>",
            _ => "<one>",
        };
        variants.iter().find(|variant| **variant == form).or(variants.first()).copied()
    }
}

fn visit_integer<'de, V: Visitor<'de>>(number: &DeInteger, visitor: V) -> Result<V::Value, Mistake> {
    let (digits, radix) = (number.as_str(), number.radix());
    if let Ok(number) = i64::from_str_radix(digits, radix) {
        return visitor.visit_i64(number);
    }
    let number = u64::from_str_radix(digits, radix);
    visitor.visit_u64(number.map_err(|_| Mistake::unexpected("a number that is not as large"))?)
}

/// Numbers, of which options have types of their own.
macro_rules! numbers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
            let wrong = |_| Mistake::unexpected("a number");
            match self.value.get_ref() {
                DeValue::Integer(_) | DeValue::Float(_) => self.deserialize_any(visitor).map_err(wrong),
                _ => Err(Mistake::unexpected("a number")),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Value<'_> {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.value.get_ref() {
            DeValue::String(text) => visitor.visit_str(text),
            DeValue::Integer(number) => visit_integer(number, visitor),
            DeValue::Float(number) => match number.as_str().parse() {
                Ok(number) => visitor.visit_f64(number),
                Err(_) => Err(Mistake::unexpected("a number")),
            },
            DeValue::Boolean(boolean) => visitor.visit_bool(*boolean),
            DeValue::Datetime(time) => visitor.visit_str(&time.to_string()),
            DeValue::Array(_) => visitor.visit_seq(self.list()?),
            DeValue::Table(table) => visitor.visit_map(self.entries(table, |_| true)),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.value.get_ref() {
            DeValue::Boolean(boolean) => visitor.visit_bool(*boolean),
            // As a variable gives it.
            DeValue::String(text) if *text == "true" => visitor.visit_bool(true),
            DeValue::String(text) if *text == "false" => visitor.visit_bool(false),
            _ => Err(Mistake::unexpected("true or false")),
        }
    }

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16 deserialize_u32
        deserialize_u64 deserialize_f32 deserialize_f64
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let text = self.value.get_ref().as_str().ok_or_else(|| Mistake::unexpected("a text"))?;
        visitor.visit_str(text)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_seq(self.list()?)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_seq(self.list()?)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        visitor.visit_seq(self.list()?)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_map(self.entries(self.table()?, |_| true))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        let (table, is_known) = (self.table()?, |key: &str| known.contains(&key));
        let unknown = table.keys().filter(|key| !is_known(key.get_ref()));
        self.unknown.borrow_mut().extend(unknown.map(|key| Unknown {
            span: key.span(),
            table: self.name.to_owned(),
            key: key.get_ref().clone().into_owned(),
            known,
        }));
        visitor.visit_map(self.entries(table, is_known))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        if variants.first().is_some_and(|variant| variant.starts_with('<')) {
            let name = self.by_form(variants).unwrap_or_default();
            return visitor.visit_enum(Variant { name, value: Some(self) });
        }
        match self.value.get_ref() {
            DeValue::String(name) if variants.contains(&&**name) => {
                visitor.visit_enum(Variant { name, value: None })
            }
            DeValue::Table(table) if table.len() == 1 => {
                let entry = table.iter().next().filter(|(key, _)| variants.contains(&&**key.get_ref()));
                let Some((key, value)) = entry else {
                    return Err(Mistake::choice(table.keys().next().map(|key| &**key.get_ref())));
                };
                let (name, value) = (key.get_ref(), self.part(value, key.get_ref()));
                visitor
                    .visit_enum(Variant { name, value: Some(value) })
                    .map_err(|mistake| mistake.of_part(value.value, Step::Key(name.clone().into_owned())))
            }
            other => Err(Mistake::choice(other.as_str())),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! { i128 u128 bytes byte_buf unit unit_struct }
}

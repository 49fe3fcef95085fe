//! The parts of a value: the items of a list, the entries of a table, and what a word stands for.

use std::slice;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};
use toml::Spanned;
use toml::de::{DeString, DeValue};

use super::mistake::{Mistake, Step, Wrong};
use super::value::Value;

/// The items of a list.
pub(super) struct Items<'a> {
    all: Value<'a>,
    items: slice::Iter<'a, Spanned<DeValue<'a>>>,
    index: usize,
}

impl<'a> Items<'a> {
    pub(super) fn new(all: Value<'a>, items: &'a [Spanned<DeValue<'a>>]) -> Self {
        Self { all, items: items.iter(), index: 0 }
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Mistake;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Mistake> {
        let Some(item) = self.items.next() else { return Ok(None) };
        let read = seed.deserialize(self.all.part(item, self.all.name));
        let index = self.index;
        self.index += 1;
        read.map(Some).map_err(|mistake| mistake.of(item).within(Step::Item(index)))
    }
}

type Entry<'a> = (&'a Spanned<DeString<'a>>, &'a Spanned<DeValue<'a>>);

/// The entries of a table.
pub(super) struct Entries<'a> {
    all: Value<'a>,
    entries: std::vec::IntoIter<Entry<'a>>,
    value: Option<Entry<'a>>,
}

impl<'a> Entries<'a> {
    pub(super) fn new(all: Value<'a>, entries: Vec<Entry<'a>>) -> Self {
        Self { all, entries: entries.into_iter(), value: None }
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Mistake;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Mistake> {
        self.value = self.entries.next();
        let Some((key, _)) = self.value else { return Ok(None) };
        seed.deserialize(StrDeserializer::new(key.get_ref())).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mistake> {
        let Some((key, value)) = self.value.take() else { return Err(Mistake::new(Wrong::Unreadable)) };
        let read = seed.deserialize(self.all.part(value, key.get_ref()));
        read.map_err(|mistake| mistake.of(value).within(Step::Key(key.get_ref().clone().into_owned())))
    }
}

/// A word, or the only key of a table with its value.
pub(super) struct Variant<'a> {
    pub(super) name: &'a str,
    pub(super) value: Option<Value<'a>>,
}

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = Mistake;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Mistake> {
        Ok((seed.deserialize(StrDeserializer::<Mistake>::new(self.name))?, self))
    }
}

impl Variant<'_> {
    /// Not as this word is written.
    fn other(&self) -> Mistake {
        Mistake::choice(Some(self.name))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Mistake;

    fn unit_variant(self) -> Result<(), Mistake> {
        if self.value.is_none() { Ok(()) } else { Err(self.other()) }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Mistake> {
        let value = self.value.ok_or_else(|| self.other())?;
        seed.deserialize(value)
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Mistake> {
        let value = self.value.ok_or_else(|| self.other())?;
        value.deserialize_tuple(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        let value = self.value.ok_or_else(|| self.other())?;
        value.deserialize_struct("", known, visitor)
    }
}

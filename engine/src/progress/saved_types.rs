//! The types whose values a checkpoint can hold.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::record::{Json, Record};

/// Knows how values of types are written and read.
///
/// From the start it knows integers, floats, `bool`, `char`, `String` and `()`, each of them also in a `Vec`, an `Option`
/// or a pair of two equal types; lists, options and pairs of `Vec<u8>`; and `Json<serde_json::Value>`.
pub(crate) struct SavedTypes(HashMap<TypeId, Box<dyn Any + Send + Sync>>);

/// How values of one type are written and read.
pub(super) struct Codec<T> {
    pub(super) write: fn(&T, &mut Vec<u8>) -> Result<(), String>,
    pub(super) read: fn(&[u8]) -> Result<T, String>,
}

impl<T> Clone for Codec<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Codec<T> {}

impl SavedTypes {
    /// Adds a type. Its values must not be of those that only describe themselves, such as `serde_json::Value`.
    pub(crate) fn add<T: Serialize + DeserializeOwned + 'static>(&mut self) {
        let codec = Codec::<T> { write, read };
        self.0.entry(TypeId::of::<T>()).or_insert_with(|| Box::new(codec));
    }

    /// How values of `T` are written and read.
    ///
    /// # Errors
    ///
    /// If the type was not added.
    pub(super) fn codec<T: 'static>(&self) -> Result<Codec<T>, String> {
        let codec = self.0.get(&TypeId::of::<T>()).and_then(|codec| codec.downcast_ref::<Codec<T>>());
        codec.copied().ok_or_else(|| {
            let name = type_name::<T>();
            format!("it keeps values of the type {name}, which are not saved: add saves::<{name}>()")
        })
    }
}

macro_rules! add {
    ($types:ident: $($plain:ty),*) => {
        $(
            $types.add::<$plain>();
            $types.add::<Vec<$plain>>();
            $types.add::<Option<$plain>>();
            $types.add::<($plain, $plain)>();
        )*
    };
}

impl Default for SavedTypes {
    fn default() -> Self {
        let json = Codec::<Json<Value>> {
            write: |value, out| {
                value.encode(out);
                Ok(())
            },
            read: Json::decode,
        };
        let json: Box<dyn Any + Send + Sync> = Box::new(json);
        let mut types = Self(HashMap::from([(TypeId::of::<Json<Value>>(), json)]));
        add!(types: u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize);
        add!(types: f32, f64, bool, char, String, (), Vec<u8>, (Vec<u8>, Vec<u8>));
        types
    }
}

impl std::fmt::Debug for SavedTypes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SavedTypes({})", self.0.len())
    }
}

fn write<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), String> {
    *out = postcard::to_extend(value, std::mem::take(out)).map_err(|error| error.to_string())?;
    Ok(())
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(format!("{} bytes are left over", rest.len())),
        Err(error) => Err(error.to_string()),
    }
}

//! `truthy`: the values that say something.

use serde_json::Value;

use crate::record::Json;
use crate::stream::Stream;

impl Stream<Json<Value>> {
    /// The values that are not falsy: without `null`, `false`, `0`, `""`, `[]` and `{}`.
    ///
    /// ```
    /// # use engine::Json;
    /// let source = engine::Source::<Json<serde_json::Value>>::new();
    /// source.stream().pluck("name").truthy().sink(|Json(name)| println!("{name}"));
    /// ```
    pub fn truthy(self) -> Self {
        self.remove(|Json(value): &Json<Value>| is_falsy(value))
    }
}

fn is_falsy(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

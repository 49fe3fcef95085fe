//! `truthy`: the values that say something.

use serde_json::Value;

use crate::graph::Stream;
use crate::record::Json;

impl Stream<Json<Value>> {
    /// The values that are not falsy: without `null`, `false`, `0`, `""`, `[]` and `{}`.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Json, Source, sinks};
    /// use serde_json::json;
    ///
    /// let source = Source::new();
    /// let (sink, names) = sinks::list();
    /// source.stream().pluck("name").truthy().sink(sink);
    /// for name in ["Ada", "", "Bo"] {
    ///     source.emit(Json(json!({ "name": name }))).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(names.take(), [Json(json!("Ada")), Json(json!("Bo"))]);
    /// # Ok(()) }
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

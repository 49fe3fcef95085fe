//! `pluck`: a part of each element.

use std::fmt;

use serde_json::Value;

use crate::graph::{Operator, Outputs, Stream};
use crate::progress::Keeps;
use crate::record::{Json, shorten};

impl Stream<Json<Value>> {
    /// A part of each element: a field of an object (`"name"`), or an item of an array (`0`). An element
    /// without it is a fault.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Json, Source, sinks};
    /// use serde_json::json;
    ///
    /// let source = Source::new();
    /// let (sink, names) = sinks::list();
    /// source.stream().pluck("name").sink(sink);
    /// source.emit(Json(json!({ "name": "Ada", "height": 1.65 }))).await?;
    /// assert_eq!(names.take(), [Json(json!("Ada"))]);
    /// let fault = source.emit(Json(json!({ "height": 1.8 }))).await.unwrap_err();
    /// assert_eq!(fault.to_string(), r#"record 2: pluck: "{\"height\":1.8}" has no field "name""#);
    /// # Ok(()) }
    /// ```
    pub fn pluck(self, part: impl Into<Part>) -> Self {
        self.through(Pluck(part.into()))
    }

    /// Several parts of each element, as an array.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Json, Source, sinks};
    /// use serde_json::json;
    ///
    /// let source = Source::new();
    /// let (sink, people) = sinks::list();
    /// source.stream().pluck_all(["height", "name"]).sink(sink);
    /// source.emit(Json(json!({ "name": "Ada", "height": 1.65, "born": 1815 }))).await?;
    /// source.close().await?;
    /// assert_eq!(people.take(), [Json(json!([1.65, "Ada"]))]);
    /// # Ok(()) }
    /// ```
    pub fn pluck_all(self, parts: impl IntoIterator<Item: Into<Part>>) -> Self {
        self.through(PluckAll(parts.into_iter().map(Into::into).collect()))
    }
}

/// Which part of a JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A field of an object.
    Field(String),
    /// An item of an array, counted from 0.
    Item(usize),
}

impl From<&str> for Part {
    fn from(name: &str) -> Self {
        Self::Field(name.to_owned())
    }
}

impl From<String> for Part {
    fn from(name: String) -> Self {
        Self::Field(name)
    }
}

impl From<usize> for Part {
    fn from(item: usize) -> Self {
        Self::Item(item)
    }
}

impl Part {
    /// Takes it out of a value.
    fn of(&self, value: &mut Value) -> Result<Value, String> {
        let found = match self {
            Self::Field(name) => value.get_mut(name.as_str()),
            Self::Item(item) => value.get_mut(*item),
        };
        if let Some(found) = found {
            return Ok(found.take());
        }
        Err(format!("{} has no {self}", shorten(value.to_string().as_bytes())))
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, "field {}", shorten(name.as_bytes())),
            Self::Item(item) => write!(f, "item {item}"),
        }
    }
}

struct Pluck(Part);

impl Operator<Json<Value>> for Pluck {
    type Output = Json<Value>;

    fn take(
        &mut self,
        Json(mut value): Json<Value>,
        outputs: &mut Outputs<Json<Value>>,
    ) -> Result<(), String> {
        outputs.give(Json(self.0.of(&mut value)?));
        Ok(())
    }

    fn keeps(&mut self) -> Keeps<'_> {
        Keeps::Nothing
    }

    fn name(&self) -> &'static str {
        "pluck"
    }
}

struct PluckAll(Vec<Part>);

impl Operator<Json<Value>> for PluckAll {
    type Output = Json<Value>;

    fn take(&mut self, Json(value): Json<Value>, outputs: &mut Outputs<Json<Value>>) -> Result<(), String> {
        // One may be asked for twice.
        let parts: Result<_, _> = self.0.iter().map(|part| part.of(&mut value.clone())).collect();
        outputs.give(Json(Value::Array(parts?)));
        Ok(())
    }

    fn keeps(&mut self) -> Keeps<'_> {
        Keeps::Nothing
    }

    fn name(&self) -> &'static str {
        "pluck"
    }
}

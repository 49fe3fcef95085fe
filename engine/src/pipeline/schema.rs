//! The JSON schema of pipeline files, for editors.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::faults::FaultOptions;
use super::kinds::{self, Kind, Section};
use super::settings::{LimitOptions, PoolOptions};

/// The JSON schema of pipeline files: what nodes there are, with every option and what it means.
#[must_use]
pub fn schema() -> Value {
    let mut settings = SchemaSettings::draft07();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    let mut generator = settings.into_generator();
    let mut properties = Map::new();
    for section in Section::ALL {
        let (mut named, mut typed) = (Map::new(), Vec::new());
        for kind in kinds::of(section) {
            named.insert(kind.name.to_owned(), node(section, kind, &mut generator, false));
            typed.push(node(section, kind, &mut generator, true));
        }
        let of = json!({
            "type": "object",
            "description": format!("The {}, by name.", section.table()),
            "additionalProperties": { "anyOf": typed.iter().chain(named.values()).collect::<Vec<_>>() },
        });
        properties.insert(section.table().to_owned(), of);
    }
    properties.insert("pool".to_owned(), settings_of::<PoolOptions>(&mut generator));
    properties.insert("limits".to_owned(), settings_of::<LimitOptions>(&mut generator));
    properties.insert("faults".to_owned(), settings_of::<FaultOptions>(&mut generator));
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "engine pipeline",
        "description": "Sources, stages and sinks of a stream, for `engine run`.",
        "type": "object",
        "additionalProperties": false,
        "required": ["sources", "sinks"],
        "properties": properties,
    })
}

/// A node's table. If its type is its name, it need not be said.
fn node(section: Section, kind: &Kind, generator: &mut SchemaGenerator, typed: bool) -> Value {
    let mut schema = (kind.schema)(generator).to_value();
    let Some(object) = schema.as_object_mut() else { return schema };
    let mut properties = Map::new();
    properties.insert("type".to_owned(), json!({ "const": kind.name }));
    if section != Section::Sources {
        properties.insert("from".to_owned(), from(kind.joins));
    }
    let own = object.remove("properties").unwrap_or_default();
    properties
        .extend(own.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
    if kind.refuses {
        let faults = settings_of::<FaultOptions>(generator);
        let faults = faults["properties"].as_object().into_iter().flatten();
        properties.extend(faults.map(|(name, value)| (name.clone(), value.clone())));
    }
    let mut required = object.remove("required").unwrap_or_else(|| json!([]));
    if let Some(required) = required.as_array_mut().filter(|_| typed) {
        required.push(json!("type"));
    }
    object.insert("properties".to_owned(), properties.into());
    object.insert("required".to_owned(), required);
    object.insert("additionalProperties".to_owned(), false.into());
    object.insert("type".to_owned(), "object".into());
    schema
}

fn from(joins: bool) -> Value {
    let name = json!({ "type": "string" });
    if !joins {
        return json!({
            "anyOf": [name, { "type": "array", "items": name, "maxItems": 1 }],
            "description": "The node that it takes from; what stands before it in the file, if not said.",
        });
    }
    let literal = json!({ "type": "object", "required": ["literal"], "additionalProperties": false, "properties": { "literal": {} } });
    json!({
        "type": "array",
        "items": { "anyOf": [name, literal] },
        "minItems": 2,
        "description": "The nodes that it takes from.",
    })
}

fn settings_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    let mut schema = T::json_schema(generator).to_value();
    if let Some(object) = schema.as_object_mut() {
        object.insert("additionalProperties".to_owned(), false.into());
    }
    schema
}

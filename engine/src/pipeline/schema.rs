//! The JSON schema of pipeline files, for editors.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::registry;
use super::settings::{LimitOptions, PoolOptions};
use crate::nodes::{FaultOptions, NodeType, Section, Takes};
use crate::versions::PIPELINE_FILE;

/// The JSON schema of pipeline files: what nodes there are, with every option and what it means.
#[must_use]
pub fn schema() -> Value {
    let mut settings = SchemaSettings::draft07();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    let mut generator = settings.into_generator();
    let (mut properties, mut definitions) = (Map::new(), Map::new());
    properties.insert(
        "version".to_owned(),
        json!({
            "type": "integer",
            "minimum": PIPELINE_FILE.oldest,
            "maximum": PIPELINE_FILE.written,
            "description": "The version of the format of this file; 1 if it is missing.",
        }),
    );
    for section in Section::ALL {
        for kind in registry::of(section) {
            definitions.insert(definition(section, kind), node(section, kind, &mut generator));
        }
        properties.insert(section.table().to_owned(), nodes(section));
    }
    properties.insert("pool".to_owned(), settings_of::<PoolOptions>(&mut generator));
    properties.insert("limits".to_owned(), settings_of::<LimitOptions>(&mut generator));
    properties.insert("faults".to_owned(), settings_of::<FaultOptions>(&mut generator));
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "engine pipeline",
        "description": "The sources, stages and sinks of a stream.",
        "type": "object",
        "additionalProperties": false,
        "required": ["sources", "sinks"],
        "properties": properties,
        "definitions": definitions,
    })
}

fn definition(section: Section, kind: &NodeType) -> String {
    format!("{}.{}", section.table(), kind.name)
}

/// The tables of a section: each as its type says, or else its name.
fn nodes(section: Section) -> Value {
    let refer = |kind: &NodeType| json!({ "$ref": format!("#/definitions/{}", definition(section, kind)) });
    let kinds = registry::of(section);
    let names: Vec<_> = kinds.iter().map(|kind| kind.name).collect();
    // One after another, so that an editor says what is wrong with the one that is meant.
    let by_type = kinds.iter().map(|kind| {
        json!({
            "if": { "required": ["type"], "properties": { "type": { "const": kind.name } } },
            "then": refer(kind),
        })
    });
    let typed = json!({
        "type": "object",
        "required": ["type"],
        "properties": { "type": { "enum": names } },
        "allOf": by_type.collect::<Vec<_>>(),
    });
    let named: Map<_, _> = kinds
        .iter()
        .map(|kind| {
            let table = json!({ "if": { "required": ["type"] }, "then": typed, "else": refer(kind) });
            (kind.name.to_owned(), table)
        })
        .collect();
    json!({
        "type": "object",
        "description": format!("The {}, by name.", section.table()),
        "properties": named,
        "additionalProperties": typed,
    })
}

/// A node's table.
fn node(section: Section, kind: &NodeType, generator: &mut SchemaGenerator) -> Value {
    let mut schema = (kind.schema)(generator).to_value();
    let Some(object) = schema.as_object_mut() else { return schema };
    let mut properties = Map::new();
    properties.insert("type".to_owned(), json!({ "const": kind.name }));
    if section != Section::Sources {
        properties.insert("from".to_owned(), from(kind.takes));
    }
    let own = object.remove("properties").unwrap_or_default();
    properties
        .extend(own.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
    if kind.refuses {
        let faults = settings_of::<FaultOptions>(generator);
        let faults = faults["properties"].as_object().into_iter().flatten();
        let faults = faults.filter(|(name, _)| FaultOptions::KEYS.contains(&name.as_str()));
        properties.extend(faults.map(|(name, value)| (name.clone(), value.clone())));
    }
    object.insert("properties".to_owned(), properties.into());
    object.insert("additionalProperties".to_owned(), false.into());
    object.insert("type".to_owned(), "object".into());
    schema
}

fn from(takes: Takes) -> Value {
    let name = json!({ "type": "string" });
    if takes != Takes::Several {
        let most = if takes == Takes::One { 1 } else { 2 };
        return json!({
            "anyOf": [name, { "type": "array", "items": name, "minItems": 1, "maxItems": most }],
            "description": "The node that it takes from; what stands before it in the file by default.",
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::open::diagnostics_of;

    /// Values that fit no option, apart from those that take any.
    const WRONG: [&str; 4] = ["{ x = { y = {} } }", "[[[]]]", "[{}, {}]", "1979-05-27"];

    /// Words of libraries, which say nothing to people.
    const FOREIGN: [&str; 9] = [
        "invalid type",
        "invalid value",
        "unknown variant",
        "unknown field",
        "missing field",
        "did not match",
        "does not fit",
        "path string",
        "sequence",
    ];

    fn is_any(option: &Value) -> bool {
        let says = ["type", "anyOf", "oneOf", "enum", "const"];
        option.as_object().is_some_and(|schema| !says.iter().any(|key| schema.contains_key(*key)))
    }

    #[test]
    fn every_wrong_option_of_every_node_is_reported_in_our_words() {
        let schema = schema();
        for (name, node) in schema["definitions"].as_object().unwrap() {
            let (section, kind) = name.split_once('.').unwrap();
            let options = node["properties"].as_object().unwrap();
            let options = options.iter().filter(|(name, _)| !matches!(name.as_str(), "type" | "from"));
            let options: Vec<_> =
                options.filter(|(_, schema)| !is_any(schema)).map(|(name, _)| name).collect();
            for wrong in WRONG {
                let text: String = options.iter().map(|name| format!("{name} = {wrong}\n")).collect();
                let found = diagnostics_of(&format!("[{section}.x]\ntype = \"{kind}\"\n{text}"));
                let said: Vec<_> = found.iter().map(ToString::to_string).collect();
                for text in &said {
                    assert!(!FOREIGN.iter().any(|words| text.contains(words)), "{name}: {text}");
                }
                let takes_text = wrong.starts_with('1');
                for option in &options {
                    let is_said = |text: &String| {
                        text.strip_prefix(option.as_str())
                            .is_some_and(|rest| rest.starts_with([':', '.', ' ']))
                    };
                    assert!(takes_text || said.iter().any(is_said), "{name}.{option} = {wrong}: {said:?}");
                }
            }
        }
    }
}

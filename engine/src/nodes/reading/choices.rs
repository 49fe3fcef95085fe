//! What the schema of options says about one of them.

use serde_json::Value;

use super::mistake::Step;

/// The schema of the part to which a path leads.
pub(super) fn at<'s>(schema: &'s Value, path: &[Step]) -> Option<&'s Value> {
    path.iter().try_fold(schema, |schema, step| part(schema, step))
}

fn part<'s>(schema: &'s Value, step: &Step) -> Option<&'s Value> {
    let own = match step {
        Step::Key(key) => schema["properties"].get(key).or_else(|| schema.get("additionalProperties")),
        Step::Item(_) => schema.get("items"),
    };
    own.filter(|own| own.is_object()).or_else(|| alternatives(schema).find_map(|one| part(one, step)))
}

fn alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    ["anyOf", "oneOf"].into_iter().filter_map(move |key| schema[key].as_array()).flatten()
}

/// The values of an option that takes one of several words, as they are written.
pub(super) fn choices(schema: &Value) -> Vec<String> {
    let words = schema["enum"].as_array().into_iter().flatten().chain(schema.get("const"));
    let words = words.filter_map(Value::as_str).map(|word| format!("{word:?}"));
    let others = alternatives(schema).flat_map(|one| match one["required"].as_array().map(Vec::as_slice) {
        Some([Value::String(key)]) => vec![format!("{{ {key} = … }}")],
        _ => choices(one),
    });
    words.chain(others).collect()
}

/// What an option is for: the first line of its description, as it goes on after a colon.
pub(super) fn meaning(schema: &Value) -> Option<String> {
    let line = schema["description"].as_str()?.lines().next()?.trim_end_matches('.');
    let mut characters = line.chars();
    let first = characters.next()?;
    Some(first.to_lowercase().chain(characters).collect())
}

/// The options that a table must have.
pub(super) fn required(schema: &Value) -> impl Iterator<Item = &str> {
    let own = schema["required"].as_array();
    let other = alternatives(schema).find_map(|one| one["required"].as_array());
    own.or(other).into_iter().flatten().filter_map(Value::as_str)
}

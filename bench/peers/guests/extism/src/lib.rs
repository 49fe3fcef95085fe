//! Adds one to a number that is text.

use extism_pdk::{FnResult, plugin_fn};

/// Adds one.
#[plugin_fn]
pub fn inc(number: String) -> FnResult<String> {
    Ok((number.parse::<i64>()? + 1).to_string())
}

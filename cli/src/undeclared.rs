//! Warns of what a plugin can do and none of its functions declares.

use std::path::Path;

use engine::Plugin;
use engine::text::path as shown;

/// A line about each thing that the plugin in a file can use and no function of it declares.
pub(crate) fn warnings(plugin: &Plugin, file: &Path) -> Vec<String> {
    let undeclared = plugin.undeclared();
    // A language may bring files and connections along. It finds none, as its functions do.
    let told = undeclared.iter().filter(|capability| plugin.fails_undeclared() || **capability == "clock");
    told.map(|capability| warning(plugin, &shown(file), capability)).collect()
}

fn warning(plugin: &Plugin, file: &str, capability: &str) -> String {
    // Rust's standard library has one call for both clocks.
    let (what, but) = match capability {
        "clock" => ("the time of day", " (Instant needs nothing)"),
        "dir" => ("files", ""),
        _ => ("the network", ""),
    };
    if !plugin.fails_undeclared() {
        return format!("{file} can use {what}, which no function declares: it finds 1970");
    }
    format!(
        "{file} can use {what}, which no function declares: such a call is a fault, so add needs(\"{capability}\") to the \
         function that makes it{but}"
    )
}

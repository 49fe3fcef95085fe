//! `engine inspect`: what is in a plugin.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use bytesize::ByteSize;
use engine::Plugin;
use engine::function::{Parameter, Signature};
use engine::text::path as shown;
use serde_json::json;

use super::exit::Ending;
use super::limits::CompileArgs;
use super::plugins::{Crates, component};
use super::terminal::{print, print_json};

/// Show a plugin's functions: what they take, return and need
///
/// Nothing is built, because a build runs code of the crate's author: use engine build for that.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  engine inspect inc.wasm\n  engine inspect --json inc.wasm | jq '.functions[].name'"
)]
pub(crate) struct InspectCommand {
    /// The plugin: a .wasm file, or the folder of a plugin crate that was built before
    plugin: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten, next_help_heading = "Limits")]
    compile: CompileArgs,
}

impl InspectCommand {
    pub(crate) fn execute(self) -> anyhow::Result<Ending> {
        let path = component(&self.plugin, Crates::BuiltBefore)?;
        let plugin = self.compile.pool()?.threads(1).build()?.blocking_load(path)?;
        match self.json {
            true => print_json(&json(&plugin)?)?,
            false => print(&describe(&self.plugin, &plugin))?,
        }
        Ok(Ending::Done)
    }
}

/// A line about a plugin: `58.1 KiB, map inc: int64 → int64`.
pub(super) fn summary(plugin: &Plugin) -> String {
    let functions: Vec<_> = plugin.signatures().iter().map(headline).collect();
    format!("{}, {}", ByteSize(plugin.size()), functions.join("; "))
}

/// `map inc: int64 → int64`; `accumulate count: text → uint64, state uint64`.
fn headline(signature: &Signature) -> String {
    let Signature { kind, name, input, output, state, .. } = signature;
    let returns = output.as_ref().map_or_else(String::new, |output| format!(" → {output}"));
    let keeps = state.as_ref().map_or_else(String::new, |state| format!(", state {state}"));
    format!("{kind} {name}: {input}{returns}{keeps}")
}

fn describe(path: &Path, plugin: &Plugin) -> String {
    let mut text = format!("{}\n\n", shown(path));
    for signature in plugin.signatures() {
        let _ = writeln!(text, "  {}", headline(signature));
        for line in signature.docs.lines() {
            let _ = writeln!(text, "      {line}");
        }
        for parameter in &signature.parameters {
            let _ = writeln!(text, "      --arg {}", argument(parameter));
        }
        if !signature.capabilities.is_empty() {
            let _ = writeln!(text, "      needs {}", signature.capabilities.join(", "));
        }
        text.push('\n');
    }
    let none_needed = plugin.signatures().iter().all(|signature| signature.capabilities.is_empty());
    let capabilities = if none_needed { "none" } else { "see above" };
    let _ = writeln!(text, "  capabilities  {capabilities}");
    let _ = writeln!(text, "  imports       {}", packages(plugin.imports()));
    let _ = writeln!(text, "  size          {}", ByteSize(plugin.size()));
    let _ = writeln!(text, "  blake3        {}", plugin.hash());
    text
}

/// The packages that interfaces are from: `wasi:io (3)`. All of them are in the JSON.
fn packages(imports: &[String]) -> String {
    let package = |name: &String| name.split('/').next().unwrap_or_default().to_owned();
    let mut counts = BTreeMap::<String, usize>::new();
    for name in imports {
        *counts.entry(package(name)).or_default() += 1;
    }
    let shown: Vec<_> = counts.iter().map(|(name, count)| format!("{name} ({count})")).collect();
    shown.join(", ")
}

/// `step=<int64>  how much to add (default 1)`.
fn argument(parameter: &Parameter) -> String {
    let Parameter { name, shape, required, default, docs, .. } = parameter;
    let mut text = format!("{name}=<{shape}>");
    if !docs.is_empty() {
        let _ = write!(text, "  {}", docs.lines().collect::<Vec<_>>().join(" "));
    }
    match default {
        Some(default) => drop(write!(text, " (default {default})")),
        None if *required => text.push_str(" (required)"),
        None => text.push_str(" (optional)"),
    }
    text
}

fn json(plugin: &Plugin) -> anyhow::Result<String> {
    let value = json!({
        "path": plugin.path(),
        "functions": plugin.signatures(),
        "imports": plugin.imports(),
        "size": plugin.size(),
        "blake3": plugin.hash(),
    });
    Ok(serde_json::to_string_pretty(&value)?)
}

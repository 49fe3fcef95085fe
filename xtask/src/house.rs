//! `cargo xtask house`: what deserves a look. It fails nothing.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::checkout::Checkout;
use crate::layers;
use crate::retired::retired;

/// How many of each kind are shown.
const MOST: usize = 12;

/// Lines of a file, lines of a function, and parameters, from which on one deserves a look.
const LONG_FILE: usize = 250;
const LONG_FUNCTION: usize = 40;
const MANY_PARAMETERS: usize = 5;

/// Words that make a reader stop: a component is "it", and one thing comes "after" another (STYLE.md).
const FOREIGN: [&str; 8] = ["who", "whoever", "whom", "somebody", "someone", "nobody", "behind", "thereof"];

/// What is found in the sources of the library and the command.
#[derive(Default)]
struct Found {
    files: Vec<(usize, String)>,
    functions: Vec<(usize, String)>,
    parameters: Vec<(usize, String)>,
    /// Where types of each name are.
    types: BTreeMap<String, BTreeSet<String>>,
    /// Files named by such words, or with types named by them.
    retired: BTreeSet<String>,
    /// How many lines of each file have words of [`FOREIGN`].
    foreign: Vec<(usize, String)>,
}

#[expect(clippy::print_stdout, reason = "this is what was asked for")]
pub(crate) fn show(checkout: &Checkout) -> anyhow::Result<()> {
    let found = found(checkout)?;
    println!("Imports between rooms, and how many");
    for ((room, other), edges) in layers::rooms(checkout)? {
        println!("{:>6}  {room} -> {other}", edges.len());
    }
    let names: Vec<_> = found.types.into_iter().filter(|(_, places)| places.len() > 1).collect();
    let names = names.into_iter().map(|(name, places)| {
        let count = places.len();
        (count, format!("{name}: {}", places.into_iter().collect::<Vec<_>>().join(", ")))
    });
    for (title, what) in [
        ("Long files, in lines", found.files),
        ("Long functions, in lines", found.functions),
        ("Long lists of parameters", found.parameters),
        ("Types with one name", names.collect()),
        ("Lines with words such as \"who\", \"nobody\" and \"behind\"", found.foreign),
    ] {
        println!("\n{title}");
        largest(what).for_each(|(size, what)| println!("{size:>6}  {what}"));
    }
    println!("\nWords to replace, and by what");
    found.retired.iter().for_each(|line| println!("        {line}"));
    Ok(())
}

fn largest(mut what: Vec<(usize, String)>) -> impl Iterator<Item = (usize, String)> {
    what.sort_by_key(|(size, _)| Reverse(*size));
    what.into_iter().take(MOST)
}

fn found(checkout: &Checkout) -> anyhow::Result<Found> {
    let mut found = Found::default();
    let folders = ["engine/src", "cli/src"].map(PathBuf::from);
    for file in checkout.files()? {
        let is_ours = folders.iter().any(|folder| file.starts_with(folder));
        if !is_ours || file.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = fs::read_to_string(checkout.root.join(&file));
        let text = text.with_context(|| format!("can't read {}", file.display()))?;
        found.look(&file, &text).with_context(|| format!("can't read {}", file.display()))?;
    }
    Ok(found)
}

impl Found {
    fn look(&mut self, file: &Path, text: &str) -> syn::Result<()> {
        let place = file.display().to_string();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let lines = code.lines().count();
        match text.lines().filter(|line| is_foreign(line)).count() {
            0 => {}
            foreign => self.foreign.push((foreign, place.clone())),
        }
        if lines > LONG_FILE {
            self.files.push((lines, place.clone()));
        }
        self.note_retired(&place, &file_name(file));
        Looking { place, found: self }.visit_file(&syn::parse_file(text)?);
        Ok(())
    }

    fn note_retired(&mut self, place: &str, name: &str) {
        self.retired.extend(retired(name).map(|instead| format!("{place}: {name} ({instead})")));
    }
}

/// The name of a file, or of its folder if it stands for that.
fn file_name(file: &Path) -> String {
    let name = match file.file_stem() {
        Some(stem) if stem == "mod" => file.parent().and_then(Path::file_name),
        stem => stem,
    };
    name.unwrap_or_default().to_string_lossy().into_owned()
}

fn is_foreign(line: &str) -> bool {
    let line = line.replace("behind the wall", "").replace("behind a wall", "");
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(|word| FOREIGN.contains(&&*word.to_lowercase()))
}

/// Looks through one file, tests left out.
struct Looking<'a> {
    place: String,
    found: &'a mut Found,
}

impl Looking<'_> {
    fn function(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let lines = body.span().end().line - body.span().start().line + 1;
        let what = format!("{} ({})", signature.ident, self.place);
        if signature.inputs.len() > MANY_PARAMETERS {
            self.found.parameters.push((signature.inputs.len(), what.clone()));
        }
        if lines > LONG_FUNCTION {
            self.found.functions.push((lines, what));
        }
    }

    fn named(&mut self, name: &syn::Ident) {
        let name = name.to_string();
        self.found.note_retired(&self.place, &name);
        self.found.types.entry(name).or_default().insert(self.place.clone());
    }
}

impl<'a> Visit<'a> for Looking<'_> {
    fn visit_item_mod(&mut self, module: &'a syn::ItemMod) {
        if module.ident != "tests" {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'a syn::ItemFn) {
        self.function(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'a syn::ImplItemFn) {
        self.function(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_item_struct(&mut self, item: &'a syn::ItemStruct) {
        self.named(&item.ident);
    }

    fn visit_item_enum(&mut self, item: &'a syn::ItemEnum) {
        self.named(&item.ident);
    }

    fn visit_item_type(&mut self, item: &'a syn::ItemType) {
        self.found.note_retired(&self.place, &item.ident.to_string());
    }

    fn visit_item_trait(&mut self, item: &'a syn::ItemTrait) {
        self.named(&item.ident);
        visit::visit_item_trait(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_code_and_duplicate_names_are_found() {
        let mut found = Found::default();
        let body = "    a();\n".repeat(50);
        let text = format!("struct State;\nfn long(a: A, b: B, c: C, d: D, e: E, f: F) {{\n{body}}}\n");
        found.look(Path::new("engine/src/a.rs"), &text).unwrap();
        let text = "enum State {}\nstruct Crew;\n#[cfg(test)]\nmod tests {\n    struct Whole;\n}\n";
        found.look(Path::new("engine/src/keeper.rs"), text).unwrap();
        assert_eq!(found.functions, [(52, "long (engine/src/a.rs)".to_owned())]);
        assert_eq!(found.parameters, [(6, "long (engine/src/a.rs)".to_owned())]);
        assert_eq!(found.types["State"].len(), 2);
        assert_eq!(file_name(Path::new("engine/src/roster/mod.rs")), "roster");
        let retired: Vec<_> = found.retired.into_iter().collect();
        assert_eq!(
            retired,
            ["engine/src/keeper.rs: Crew (executor)", "engine/src/keeper.rs: keeper (checkpointer)"]
        );
    }
}

//! What a file's code names: read from its syntax, tests left out.

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree};

use super::tree::{Module, Path, Tree};

/// Adds the module of a file, and those that stand in it, to the tree.
pub(super) fn read(tree: &mut Tree, module: Path, text: &str) -> syn::Result<()> {
    let file = syn::parse_file(text)?;
    items(tree, module, &file.items);
    Ok(())
}

fn items(tree: &mut Tree, path: Path, items: &[Item]) {
    let mut reader = Reader::default();
    let mut inner = Vec::new();
    for item in items {
        if is_of_tests(attributes(item)) {
            continue;
        }
        match item {
            Item::Mod(module) => match &module.content {
                Some((_, content)) => inner.push((module.ident.to_string(), content)),
                None => continue,
            },
            Item::Use(used) => reader.used(Path::new(), &used.tree),
            _ => {
                reader.module.items.extend(name(item));
                reader.visit_item(item);
            }
        }
    }
    for (name, content) in inner {
        self::items(tree, [path.as_slice(), &[name]].concat(), content);
    }
    tree.modules.insert(path, reader.module);
}

/// Whether code is built for tests alone.
fn is_of_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string() == "test")
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn name(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

/// Collects what one module names.
#[derive(Default)]
struct Reader {
    module: Module,
}

impl Reader {
    fn used(&mut self, mut before: Path, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.used(before, &path.tree);
            }
            UseTree::Name(name) if name.ident == "self" => {
                let last = before.last().cloned().unwrap_or_default();
                self.add(last, before, name.ident.span().start().line);
            }
            UseTree::Name(name) => {
                before.push(name.ident.to_string());
                self.add(name.ident.to_string(), before, name.ident.span().start().line);
            }
            UseTree::Rename(name) => {
                if name.ident != "self" {
                    before.push(name.ident.to_string());
                }
                self.add(name.rename.to_string(), before, name.ident.span().start().line);
            }
            UseTree::Glob(glob) => {
                self.module.paths.push((before.clone(), glob.star_token.spans[0].start().line));
                self.module.globs.push(before);
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.used(before.clone(), tree));
            }
        }
    }

    fn add(&mut self, name: String, path: Path, line: usize) {
        self.module.paths.push((path.clone(), line));
        self.module.uses.insert(name, path);
    }

    /// Paths from `crate` or `super` on among the tokens of a macro, which have no syntax of their own.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Option<(Path, usize)> = None;
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Ident(ident) => {
                    let name = ident.to_string();
                    match &mut path {
                        Some((path, _)) if colons == 2 => path.push(name),
                        _ => {
                            self.module.paths.extend(path.take());
                            let starts = matches!(name.as_str(), "crate" | "super");
                            path = starts.then(|| (vec![name], ident.span().start().line));
                        }
                    }
                    colons = 0;
                }
                other => {
                    self.module.paths.extend(path.take());
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.module.paths.extend(path);
    }
}

impl<'a> Visit<'a> for Reader {
    fn visit_item(&mut self, item: &'a Item) {
        // A `use` within a function is one of the module, as far as is asked here.
        match item {
            Item::Use(used) => self.used(Path::new(), &used.tree),
            _ if is_of_tests(attributes(item)) => {}
            _ => visit::visit_item(self, item),
        }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let names: Path = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if names.len() > 1 {
            let line = path.segments[0].ident.span().start().line;
            self.module.paths.push((names, line));
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'a syn::Macro) {
        self.tokens(called.tokens.clone());
        visit::visit_macro(self, called);
    }
}

//! What a file's code names: read from its syntax, tests left out.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree};

use super::tree::{Module, Path, Tree};

/// Adds the module of a file, and the modules in it, to the tree.
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
            if let Item::Mod(module) = item {
                tree.of_tests.insert([path.as_slice(), &[module.ident.to_string()]].concat());
            }
            continue;
        }
        match item {
            Item::Mod(module) => match &module.content {
                Some((_, content)) => inner.push((module.ident.to_string(), content)),
                None => reader.visit_item(item),
            },
            Item::Use(used) => reader.used(Path::new(), &used.tree),
            _ => {
                reader.module.items.extend(name(item));
                reader.visit_item(item);
            }
        }
    }
    for (name, content) in inner {
        let inner = [path.as_slice(), &[name]].concat();
        tree.inline.insert(inner.clone());
        self::items(tree, inner, content);
    }
    tree.modules.insert(path, reader.module);
}

fn line(span: Span) -> usize {
    span.start().line
}

/// Whether code is built for tests alone.
fn is_of_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.meta.require_list().is_ok_and(|list| {
                let condition = list.tokens.to_string().replace(' ', "");
                condition == "test" || condition.starts_with("all(test,")
            })
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
                let line = glob.star_token.spans[0].start().line;
                self.module.paths.push((before.clone(), line));
                self.module.globs.push((before, line));
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.used(before.clone(), tree));
            }
        }
    }

    fn hide(&mut self, what: impl Into<String>, place: Span) {
        self.module.hidden.push((what.into(), line(place)));
    }

    fn add(&mut self, name: String, path: Path, line: usize) {
        self.module.paths.push((path.clone(), line));
        self.module.uses.insert(name, path);
    }

    /// Paths from `crate` or `super` on among the tokens of a macro or an attribute, which have no syntax of their own.
    /// `before` is the path whose group in braces the tokens are.
    fn tokens(&mut self, before: Option<&Path>, tokens: TokenStream) {
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
                            let line = line(ident.span());
                            path = match before {
                                Some(before) => Some(([before.as_slice(), &[name]].concat(), line)),
                                None => {
                                    matches!(name.as_str(), "crate" | "super").then(|| (vec![name], line))
                                }
                            };
                        }
                    }
                    colons = 0;
                }
                TokenTree::Group(group) => {
                    let before = path.take().filter(|_| colons == 2);
                    colons = 0;
                    self.tokens(before.as_ref().map(|(path, _)| path), group.stream());
                }
                TokenTree::Literal(literal) => {
                    self.module.paths.extend(path.take());
                    colons = 0;
                    let text = literal.to_string();
                    let text = text.trim_matches('"');
                    if text.starts_with("crate::") {
                        let names = text.split("::").map(str::to_owned).collect();
                        self.module.paths.push((names, line(literal.span())));
                    }
                }
                TokenTree::Punct(_) => {
                    self.module.paths.extend(path.take());
                    colons = 0;
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

    fn visit_item_mod(&mut self, module: &'a syn::ItemMod) {
        let path = module.attrs.iter().find(|attribute| attribute.path().is_ident("path"));
        if let Some(syn::Meta::NameValue(path)) = path.map(|attribute| &attribute.meta)
            && let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(path), .. }) = &path.value
            && path.value().contains('/')
        {
            self.hide(format!("#[path = {:?}]", path.value()), module.ident.span());
        }
        visit::visit_item_mod(self, module);
    }

    fn visit_item_extern_crate(&mut self, item: &'a syn::ItemExternCrate) {
        if item.ident == "self" {
            self.hide("extern crate self", item.ident.span());
        }
    }

    fn visit_attribute(&mut self, attribute: &'a Attribute) {
        if attribute.path().is_ident("macro_export") {
            self.hide("#[macro_export]", attribute.pound_token.span);
        }
        if let syn::Meta::List(list) = &attribute.meta {
            self.tokens(None, list.tokens.clone());
        }
    }

    fn visit_macro(&mut self, called: &'a syn::Macro) {
        if called.path.segments.last().is_some_and(|name| name.ident == "include") {
            self.hide("include!", called.path.segments[0].ident.span());
        }
        self.tokens(None, called.tokens.clone());
        visit::visit_macro(self, called);
    }
}

//! The modules of a crate, and where a path in one of them leads.

use std::collections::{BTreeMap, BTreeSet};

use super::imports;

/// The names of a module from the crate's root on; none for the root itself.
pub(super) type Path = Vec<String>;

/// `use` items between a name and its definition at most.
const HOPS: usize = 20;

/// What stands in a module.
#[derive(Default)]
pub(super) struct Module {
    /// What items of its own are called.
    pub(super) items: BTreeSet<String>,
    /// What names stand for that come by `use`.
    pub(super) uses: BTreeMap<String, Path>,
    /// Modules all of whose names come by `use`, with the lines.
    pub(super) globs: Vec<(Path, usize)>,
    /// All paths that its code names, with the lines where they stand.
    pub(super) paths: Vec<(Path, usize)>,
    /// What would hide imports from this check, with the lines.
    pub(super) hidden: Vec<(String, usize)>,
}

/// All modules of a crate, tests left out.
#[derive(Default)]
pub(super) struct Tree {
    pub(super) modules: BTreeMap<Path, Module>,
    /// Modules without a file of their own.
    pub(super) inline: BTreeSet<Path>,
    /// Modules of tests, which are left out with all that is below them.
    pub(super) of_tests: BTreeSet<Path>,
}

impl Tree {
    /// Reads the files of a crate: their places below its source folder, and their texts.
    pub(super) fn read<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> anyhow::Result<Self> {
        let mut tree = Self::default();
        for (place, text) in files {
            let module = module_of(place);
            imports::read(&mut tree, module, text)
                .map_err(|error| anyhow::anyhow!("can't read {place}: {error}"))?;
        }
        let Self { modules, of_tests, .. } = &mut tree;
        modules.retain(|path, _| !of_tests.iter().any(|tests| path.starts_with(tests)));
        Ok(tree)
    }

    /// What would hide imports: the module, the line, and what it is.
    pub(super) fn hidden(&self) -> impl Iterator<Item = (&Path, usize, String)> {
        self.modules.iter().flat_map(move |(path, module)| {
            let of_root =
                |glob: &Path| !path.is_empty() && self.absolute(path, glob).is_some_and(|to| to.is_empty());
            let globs = module.globs.iter().filter(move |(glob, _)| of_root(glob));
            let globs = globs.map(|(glob, line)| (*line, format!("use {}::*", glob.join("::"))));
            let hidden = module.hidden.iter().map(|(what, line)| (*line, what.clone()));
            hidden.chain(globs).map(move |(line, what)| (path, line, what))
        })
    }

    /// Whether a module is only a list of names in the crate's root, as `pub mod pool { pub use … }` is.
    pub(super) fn is_facade(&self, path: &Path) -> bool {
        path.len() == 1
            && self.inline.contains(path)
            && self.modules.get(path).is_some_and(|module| module.items.is_empty())
    }

    /// All imports from one module to another: from, to, and the line.
    pub(super) fn imports(&self) -> impl Iterator<Item = (&Path, Path, usize)> {
        self.modules.iter().flat_map(move |(from, module)| {
            module.paths.iter().filter_map(move |(path, line)| {
                let to = self.defines(&self.absolute(from, path)?)?;
                (to != *from).then_some((from, to, *line))
            })
        })
    }

    /// A path from the root on; none if it leads to another crate.
    pub(super) fn absolute(&self, at: &Path, path: &Path) -> Option<Path> {
        let mut from = at.clone();
        let mut rest = path.as_slice();
        match path.first()?.as_str() {
            "crate" => {
                from.clear();
                rest = &rest[1..];
            }
            "self" => rest = &rest[1..],
            "super" => {
                while rest.first().is_some_and(|name| name == "super") {
                    from.pop();
                    rest = &rest[1..];
                }
            }
            name => {
                let here = self.modules.get(at)?;
                let child = [at.as_slice(), &[name.to_owned()]].concat();
                if let Some(used) = here.uses.get(name).filter(|used| used.first() != path.first()) {
                    return self.absolute(at, &[used.as_slice(), &path[1..]].concat());
                }
                if !self.modules.contains_key(&child) {
                    return None;
                }
            }
        }
        from.extend(rest.iter().cloned());
        Some(from)
    }

    /// The module in which stands what a path from the root on names, whatever modules hand it on.
    fn defines(&self, path: &Path) -> Option<Path> {
        let mut path = path.clone();
        'hops: for _ in 0..HOPS {
            let mut module = Path::new();
            for (place, name) in path.iter().enumerate() {
                let child = [module.as_slice(), std::slice::from_ref(name)].concat();
                if self.modules.contains_key(&child) {
                    module = child;
                    continue;
                }
                let Some(next) = self.handed_on(&module, name) else { return Some(module) };
                path = [next.as_slice(), &path[place + 1..]].concat();
                continue 'hops;
            }
            return Some(module);
        }
        None
    }

    /// Where a name comes from that a module has by `use`.
    fn handed_on(&self, module: &Path, name: &str) -> Option<Path> {
        let here = self.modules.get(module)?;
        if here.items.contains(name) {
            return None;
        }
        if let Some(used) = here.uses.get(name) {
            return self.absolute(module, used);
        }
        let globs = here.globs.iter().filter_map(|(glob, _)| self.absolute(module, glob));
        let named = globs.map(|glob| [glob.as_slice(), &[name.to_owned()]].concat());
        named.into_iter().find(|path| self.has(path))
    }

    /// Whether a module has a name, of its own or by `use`.
    fn has(&self, path: &Path) -> bool {
        let Some((name, module)) = path.split_last() else { return false };
        let Some(module) = self.modules.get(module) else { return false };
        module.items.contains(name) || module.uses.contains_key(name)
    }
}

/// `pool/shared.rs` is `pool::shared`, `pool/mod.rs` is `pool`, `lib.rs` the root.
fn module_of(place: &str) -> Path {
    let names = place.strip_suffix(".rs").unwrap_or(place).split('/');
    let mut names: Path = names.map(str::to_owned).collect();
    if names.last().is_some_and(|last| last == "mod") || names == ["lib"] {
        names.pop();
    }
    names
}

//! Circles of imports within a room: between folders that lie beside each other, or a folder and a file.
//!
//! Files of one folder may import each other.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::{Path, Tree};

/// Imports between two modules of the same folder, as `from -> to` with the modules where they are.
type Imports = BTreeMap<(String, String), BTreeSet<String>>;

/// The circles, a line each. Imports among `allowed` are left out, and noted in `used`.
pub(super) fn circles<'a>(
    tree: &Tree,
    allowed: &BTreeSet<&'a str>,
    used: &mut BTreeSet<&'a str>,
) -> Vec<String> {
    let mut folders: BTreeMap<Path, Imports> = BTreeMap::new();
    for (from, to, _) in tree.imports() {
        let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
        let (Some(a), Some(b)) = (from.get(common), to.get(common)) else { continue };
        if common == 0 {
            continue; // The table of layers is about these.
        }
        let edge = format!("{} -> {}", from.join("/"), to.join("/"));
        if let Some(edge) = allowed.get(edge.as_str()) {
            used.insert(edge);
            continue;
        }
        let folder = folders.entry(from[..common].to_vec()).or_default();
        folder.entry((a.clone(), b.clone())).or_default().insert(edge);
    }
    let is_folder = |folder: &Path, name: &String| {
        let path = [folder.as_slice(), std::slice::from_ref(name)].concat();
        tree.modules.keys().any(|module| {
            module.len() > path.len() && module.starts_with(&path) && !tree.inline.contains(module)
        })
    };
    let mut said = Vec::new();
    for (folder, imports) in &folders {
        for circle in circles_of(imports) {
            if circle.iter().any(|name| is_folder(folder, name)) {
                let edges = imports.iter().filter(|((a, b), _)| circle.contains(a) && circle.contains(b));
                let edges: Vec<_> = edges.flat_map(|(_, edges)| edges).map(String::as_str).collect();
                let names: Vec<_> = circle.iter().map(String::as_str).collect();
                said.push(format!(
                    "{}: {} import each other: {}",
                    folder.join("/"),
                    names.join(", "),
                    edges.join(", ")
                ));
            }
        }
    }
    said
}

/// Groups of more than one module, each of which leads to all others of its group.
fn circles_of(imports: &Imports) -> Vec<BTreeSet<String>> {
    let names: BTreeSet<_> = imports.keys().flat_map(|(a, b)| [a, b]).collect();
    let reached = |from: &String| {
        let (mut reached, mut open) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(name) = open.pop() {
            for (_, next) in imports.keys().filter(|(a, _)| *a == name) {
                if reached.insert(next.clone()) {
                    open.push(next.clone());
                }
            }
        }
        reached
    };
    let all: BTreeMap<_, _> = names.into_iter().map(|name| (name.clone(), reached(name))).collect();
    let circles: BTreeSet<BTreeSet<String>> = all
        .iter()
        .filter(|(name, reached)| reached.contains(*name))
        .map(|(name, reached)| reached.iter().filter(|other| all[*other].contains(name)).cloned().collect())
        .collect();
    circles.into_iter().filter(|circle| circle.len() > 1).collect()
}

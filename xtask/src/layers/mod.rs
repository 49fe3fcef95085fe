//! The layers of the engine: imports go downwards only, so that no circle crosses its rooms.
//!
//! A room is a folder or a file directly below `engine/src`. ARCHITECTURE.md shows the layers in a table, the highest
//! first, which is read here. What does not hold yet is in a list that only shrinks.

mod circles;
mod imports;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, ensure};

use crate::checkout::Checkout;
use circles::circles;
use tree::Tree;

/// Where the layers are shown.
const SHOWN: &str = "ARCHITECTURE.md";

/// The first line of the table.
const TABLE: &str = "| Layer | Rooms |";

const SOURCES: &str = "engine/src";

/// Imports that go upwards today, as `from -> to`, a line each.
const ALLOWED: &str = "xtask/upward.txt";

/// Not in the library: they may name all of it.
const PROGRAMS: [&str; 1] = ["main"];

/// Checks the imports of the engine against the table.
pub(crate) fn check(checkout: &Checkout) -> anyhow::Result<()> {
    let read = |file: &str| {
        fs::read_to_string(checkout.root.join(file)).with_context(|| format!("can't read {file}"))
    };
    let tree = tree(checkout)?;
    let layers = layers(&read(SHOWN)?)?;
    let wrong = wrong(&tree, &layers, &read(ALLOWED)?);
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// The modules of the engine.
fn tree(checkout: &Checkout) -> anyhow::Result<Tree> {
    let mut texts = Vec::new();
    for file in checkout.files()? {
        let Ok(place) = file.strip_prefix(SOURCES) else { continue };
        if place.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(checkout.root.join(&file));
            let text = text.with_context(|| format!("can't read {}", file.display()))?;
            texts.push((place.to_string_lossy().into_owned(), text));
        }
    }
    Tree::read(texts.iter().map(|(place, text)| (place.as_str(), text.as_str())))
}

/// Imports between rooms: from, to, and between which modules.
pub(crate) fn rooms(checkout: &Checkout) -> anyhow::Result<BTreeMap<(String, String), BTreeSet<String>>> {
    let mut rooms: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (from, to, _) in tree(checkout)?.imports() {
        if let (Some(room), Some(other)) = (from.first(), to.first())
            && room != other
        {
            let edge = format!("{} -> {}", from.join("/"), to.join("/"));
            rooms.entry((room.clone(), other.clone())).or_default().insert(edge);
        }
    }
    Ok(rooms)
}

/// How high each room is, from the table.
fn layers(document: &str) -> anyhow::Result<BTreeMap<String, usize>> {
    let rows = document.lines().skip_while(|line| *line != TABLE).skip(2);
    let rows: Vec<_> = rows.take_while(|line| line.starts_with('|')).collect();
    ensure!(!rows.is_empty(), "{SHOWN} has no table {TABLE:?}");
    let mut layers = BTreeMap::new();
    for (height, row) in rows.iter().rev().enumerate() {
        let rooms = row.split('|').nth(2).unwrap_or_default().split('`').skip(1).step_by(2);
        for room in rooms {
            let again = layers.insert(room.trim_end_matches('/').to_owned(), height);
            ensure!(again.is_none(), "{SHOWN}: the room {room} is in two layers");
        }
    }
    Ok(layers)
}

/// What breaks the rules, a line each.
fn wrong(tree: &Tree, layers: &BTreeMap<String, usize>, allowed: &str) -> Vec<String> {
    let allowed: BTreeSet<_> = allowed.lines().filter(|line| line.contains(" -> ")).collect();
    let (mut wrong, mut used) = (Vec::new(), BTreeSet::new());
    let mut upwards: BTreeMap<(String, String), BTreeMap<String, usize>> = BTreeMap::new();
    for (from, to, line) in tree.imports() {
        let (Some(room), Some(other)) = (from.first(), to.first()) else { continue };
        if room == other || PROGRAMS.contains(&room.as_str()) || tree.is_facade(from) {
            continue;
        }
        let [height, other_height] = [room, other].map(|room| layers.get(room));
        if height.zip(other_height).is_some_and(|(height, other)| height > other) {
            continue;
        }
        let edge = format!("{} -> {}", from.join("/"), to.join("/"));
        match allowed.get(edge.as_str()) {
            Some(edge) => drop(used.insert(*edge)),
            None => {
                let edges = upwards.entry((room.clone(), other.clone())).or_default();
                edges.entry(edge).or_insert(line);
            }
        }
    }
    for ((room, other), edges) in upwards {
        let missing: Vec<_> =
            [&room, &other].into_iter().filter(|room| !layers.contains_key(*room)).collect();
        wrong.extend(missing.iter().map(|room| format!("{SHOWN}: the table of layers lacks `{room}`")));
        if missing.is_empty() {
            let edges: Vec<_> = edges.iter().map(|(edge, line)| format!("{edge} (line {line})")).collect();
            wrong.push(format!("{room} imports {other}, which is no lower layer: {}", edges.join(", ")));
        }
    }
    wrong.extend(circles(tree, &allowed, &mut used));
    wrong.extend(tree.hidden().map(|(module, line, what)| {
        format!("{} (line {line}): {what} would hide imports from this check", module.join("/"))
    }));
    let unused = allowed.difference(&used).map(|edge| format!("{ALLOWED}: {edge} is gone: remove it"));
    wrong.extend(unused);
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYERS: &str =
        "text\n| Layer | Rooms |\n|---|---|\n| top | `pool/`, `fault` |\n| low | `record/` |\n\n";

    fn said(files: &[(&str, &str)], allowed: &str) -> Vec<String> {
        let root = "mod fault; mod pool; mod record; pub use fault::Fault; pub use pool::Pool; pub mod facade { pub use crate::pool::Pool; }";
        let root = ("lib.rs", root);
        let tree = Tree::read(files.iter().copied().chain([root])).unwrap();
        wrong(&tree, &layers(LAYERS).unwrap(), allowed)
    }

    #[test]
    fn the_engine_keeps_its_layers() {
        check(&Checkout::find().unwrap()).unwrap();
    }

    #[test]
    fn imports_go_downwards() {
        let files = [
            ("fault.rs", "pub struct Fault;"),
            ("record/mod.rs", "mod batch; pub use batch::Batch; #[cfg(test)] mod tests { use crate::Pool; }"),
            ("record/batch.rs", "pub struct Batch; use super::Batch as B;"),
            ("pool/mod.rs", "use crate::record::Batch; pub struct Pool(Batch);"),
        ];
        assert_eq!(said(&files, ""), [""; 0]);
    }

    #[test]
    fn an_upward_import_is_named_in_any_notation() {
        for code in [
            "use crate::Pool;",
            "use crate::pool::inner::Pool;",
            "use crate::pool as p; fn f() { p::g() }",
            "fn f() -> crate::Pool { todo!() }",
            "fn f() { println!(\"{}\", crate::pool::inner::NUMBER) }",
            "fn f() { use super::pool::*; }",
            "mod inner { use super::super::Pool; }",
            "macro_rules! m { () => { use crate::{pool::Pool}; } }",
            "#[serde(with = \"crate::pool\")] struct S;",
            "#[arg(default_value_t = crate::pool::inner::NUMBER)] struct S;",
            "use crate::facade::Pool;",
        ] {
            let files = [
                ("record/mod.rs", code),
                ("pool/mod.rs", "mod inner; pub use inner::*;"),
                ("pool/inner.rs", "pub struct Pool; pub const NUMBER: u8 = 1;"),
            ];
            let said = said(&files, "");
            assert_eq!(said.len(), 1, "{code}: {said:?}");
            assert!(said[0].starts_with("record imports pool"), "{said:?}");
        }
    }

    #[test]
    fn a_cycle_within_a_layer_is_named() {
        let files = [
            ("fault.rs", "use crate::Pool; pub struct Fault;"),
            ("pool/mod.rs", "use crate::Fault; pub struct Pool;"),
        ];
        assert_eq!(said(&files, "").len(), 2);
    }

    #[test]
    fn what_would_hide_imports_is_refused() {
        for code in [
            "use crate::*;",
            "use super::*;",
            "extern crate self as engine;",
            "include!(\"../pool/inner.rs\");",
            "#[path = \"../pool/inner.rs\"] mod inner;",
            "#[macro_export] macro_rules! shout { () => {} }",
        ] {
            let said = said(&[("record/mod.rs", code), ("pool/mod.rs", "pub struct Pool;")], "");
            assert_eq!(said.len(), 1, "{code}: {said:?}");
            assert!(said[0].contains("would hide imports"), "{said:?}");
        }
    }

    #[test]
    fn only_modules_of_tests_are_left_out() {
        let pool = ("pool/mod.rs", "pub struct Pool;");
        let tests = ("record/tests.rs", "use crate::Pool;");
        for declared in ["#[cfg(test)] mod tests;", "#[cfg(all(test, unix))] mod tests;"] {
            assert_eq!(said(&[("record/mod.rs", declared), tests, pool], ""), [""; 0]);
        }
        assert_eq!(said(&[("record/mod.rs", "mod tests;"), tests, pool], "").len(), 1);
    }

    #[test]
    fn a_circle_of_folders_in_a_room_is_named() {
        let files = [
            ("pool/mod.rs", "mod a; mod b;"),
            ("pool/a/mod.rs", "mod inner; pub struct A;"),
            ("pool/a/inner.rs", "use crate::pool::b::B;"),
            ("pool/b.rs", "use super::a::A; pub struct B;"),
        ];
        assert_eq!(
            said(&files, ""),
            ["pool: a, b import each other: pool/a/inner -> pool/b, pool/b -> pool/a"]
        );
        assert_eq!(said(&files, "pool/b -> pool/a\n"), [""; 0]);
        // Files of one folder may.
        let files = [
            ("pool/mod.rs", "mod a; mod b;"),
            ("pool/a.rs", "use super::b::B; pub struct A;"),
            ("pool/b.rs", "use super::a::A; pub struct B;"),
        ];
        assert_eq!(said(&files, ""), [""; 0]);
    }

    #[test]
    fn the_list_of_exceptions_only_shrinks() {
        let files = [("record/mod.rs", "use crate::Pool;"), ("pool/mod.rs", "pub struct Pool;")];
        assert_eq!(said(&files, "# a reason\nrecord -> pool\n"), [""; 0]);
        let said = said(&files, "record -> pool\nrecord -> fault\n");
        assert_eq!(said, ["xtask/upward.txt: record -> fault is gone: remove it"]);
    }

    #[test]
    fn every_room_is_in_the_table() {
        let said = said(&[("new.rs", "use crate::record;"), ("record/mod.rs", "")], "");
        assert_eq!(said, ["ARCHITECTURE.md: the table of layers lacks `new`"]);
    }
}

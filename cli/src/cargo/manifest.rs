//! What a plugin crate's Cargo.toml says, as far as it can be told without cargo.

use std::path::Path;

use anyhow::{Context, ensure};
use toml::{Table, Value};

/// The longest file of a crate that is read here, in bytes.
const LONGEST: u64 = 4 << 20;

pub(super) struct Manifest(Table);

impl Manifest {
    /// That of a plugin crate.
    pub(super) fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("Cargo.toml");
        let shown = folder.display();
        ensure!(
            path.is_file(),
            "{shown} is no plugin crate: it has no Cargo.toml (make one with `engine new`)"
        );
        let manifest = Self::of(&path)?;
        ensure!(
            manifest.is_cdylib(),
            "{shown} is no plugin crate: its [lib] needs crate-type = [\"cdylib\"]"
        );
        Ok(manifest)
    }

    pub(super) fn of(path: &Path) -> anyhow::Result<Self> {
        let text = read(path).with_context(|| format!("can't read {}", path.display()))?;
        let table = text.parse().ok();
        Ok(Self(table.with_context(|| format!("{} is no TOML", path.display()))?))
    }

    fn is_cdylib(&self) -> bool {
        let library = self.0.get("lib");
        let kinds =
            library.and_then(|library| library.get("crate-type").or_else(|| library.get("crate_type")));
        let mut kinds = kinds.and_then(Value::as_array).into_iter().flatten();
        kinds.any(|kind| kind.as_str() == Some("cdylib"))
    }

    pub(super) fn is_workspace(&self) -> bool {
        self.0.contains_key("workspace")
    }

    /// What its component's file is called, without the extension.
    pub(super) fn component(&self) -> anyhow::Result<String> {
        let of = |table: &str| self.0.get(table).and_then(|table| table.get("name")).and_then(Value::as_str);
        let name = of("lib").or_else(|| of("package")).context("Cargo.toml gives the crate no name")?;
        let plain = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
        ensure!(name.chars().all(plain), "Cargo.toml: {name:?} can't name a crate");
        Ok(name.replace('-', "_"))
    }
}

pub(super) fn read(path: &Path) -> std::io::Result<String> {
    let no_text = |_| std::io::Error::other("it is no text");
    String::from_utf8(engine::files::read_at_most(path, LONGEST)?).map_err(no_text)
}

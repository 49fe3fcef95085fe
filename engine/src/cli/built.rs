//! The component that a plugin crate was built to before, found without running anything.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, bail, ensure};
use toml::{Table, Value};

use super::cargo::TARGET;

/// The longest file of a crate that is read here, in bytes.
const LONGEST: u64 = 4 << 20;

/// The component of the crate in `folder`, if it is there and nothing changed since.
///
/// The folder is only looked at: a build would run its author's code.
pub(crate) fn find(folder: &Path) -> anyhow::Result<PathBuf> {
    let shown = folder.display();
    let manifest = Manifest::read(folder)?;
    let name = manifest.component()?;
    let folders = target_folders(folder, &manifest);
    let components =
        folders.iter().map(|target| target.join(TARGET).join("release").join(&name).with_extension("wasm"));
    let built = components.filter_map(|wasm| Component::of(folder, wasm));
    let advice = format!("build it with `engine build {shown}`, or name a .wasm file");
    let Some(newest) = built.max_by_key(|component| component.built) else {
        bail!("{shown} is a crate that is not built: {advice}");
    };
    ensure!(!newest.is_stale(folder), "{shown} changed after it was built: {advice}");
    Ok(newest.wasm)
}

/// What a build left.
struct Component {
    wasm: PathBuf,
    built: SystemTime,
    /// The files that it was made from, which cargo lists beside it.
    sources: Vec<PathBuf>,
}

impl Component {
    /// The component at a path, if it is that of the crate in `folder`: several may share a target folder.
    fn of(folder: &Path, wasm: PathBuf) -> Option<Self> {
        let built = modified(&wasm)?;
        let list = read(&wasm.with_extension("d")).ok()?;
        let sources: Vec<_> = sources(&list).map(|source| folder.join(source)).collect();
        let own = folder.canonicalize().ok()?;
        let is_own = sources.iter().any(|source| source.starts_with(&own));
        is_own.then_some(Self { wasm, built, sources })
    }

    fn is_stale(&self, folder: &Path) -> bool {
        let changed = |path: &Path| modified(path).is_none_or(|changed| changed > self.built);
        changed(&folder.join("Cargo.toml")) || self.sources.iter().any(|source| changed(source))
    }
}

/// What a crate's Cargo.toml says.
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
        let text = read(&path).with_context(|| format!("can't read {}", path.display()))?;
        let manifest = text.parse().ok().map(Self);
        let manifest = manifest.with_context(|| format!("{} is no TOML", path.display()))?;
        ensure!(
            manifest.is_cdylib(),
            "{shown} is no plugin crate: its [lib] needs crate-type = [\"cdylib\"]"
        );
        Ok(manifest)
    }

    fn is_cdylib(&self) -> bool {
        let library = self.0.get("lib");
        let kinds =
            library.and_then(|library| library.get("crate-type").or_else(|| library.get("crate_type")));
        let mut kinds = kinds.and_then(Value::as_array).into_iter().flatten();
        kinds.any(|kind| kind.as_str() == Some("cdylib"))
    }

    fn is_workspace(&self) -> bool {
        self.0.contains_key("workspace")
    }

    /// What its component's file is called, without the extension.
    fn component(&self) -> anyhow::Result<String> {
        let of = |table: &str| self.0.get(table).and_then(|table| table.get("name")).and_then(Value::as_str);
        let name = of("lib").or_else(|| of("package")).context("Cargo.toml gives the crate no name")?;
        let plain = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
        ensure!(name.chars().all(plain), "Cargo.toml: {name:?} can't name a crate");
        Ok(name.replace('-', "_"))
    }
}

/// Where cargo puts what it builds of a crate, unless its configuration says otherwise.
fn target_folders(folder: &Path, manifest: &Manifest) -> Vec<PathBuf> {
    if let Some(target) = std::env::var_os("CARGO_TARGET_DIR") {
        return vec![folder.join(target)];
    }
    let mut folders = vec![folder.join("target")];
    if !manifest.is_workspace()
        && let Some(root) = workspace_of(folder)
    {
        folders.push(root.join("target"));
    }
    folders
}

/// The workspace that a crate is in.
fn workspace_of(folder: &Path) -> Option<PathBuf> {
    let folder = folder.canonicalize().ok()?;
    let is_root = |folder: &&Path| {
        let path = folder.join("Cargo.toml");
        let table = path.is_file().then(|| read(&path).ok()?.parse().ok()).flatten();
        table.is_some_and(|table| Manifest(table).is_workspace())
    };
    folder.ancestors().skip(1).find(is_root).map(Path::to_owned)
}

/// The files of a rule for make, which has one target: a space in a path stands behind a backslash.
fn sources(rule: &str) -> impl Iterator<Item = String> {
    let rule = rule.lines().next().unwrap_or_default();
    let sources = rule.split_once(": ").map_or("", |(_, sources)| sources).replace("\\ ", "\0");
    let sources: Vec<_> = sources.split(' ').map(|path| path.replace('\0', " ")).collect();
    sources.into_iter().filter(|path| !path.is_empty())
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let length = File::open(path)?.take(LONGEST + 1).read_to_string(&mut text)? as u64;
    match length {
        ..=LONGEST => Ok(text),
        _ => Err(std::io::Error::other(format!("it has more than {LONGEST} bytes"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_as_make_reads_them() {
        let rule = "/a/it.wasm: /a/build.rs /a/my\\ src/lib.rs\n\n/a/build.rs:\n";
        assert_eq!(sources(rule).collect::<Vec<_>>(), ["/a/build.rs", "/a/my src/lib.rs"]);
        assert_eq!(sources("").count(), 0);
    }
}

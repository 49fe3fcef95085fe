//! The component that a plugin crate was built to before, found without running anything.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{bail, ensure};
use engine::files;

use super::TARGET;
use super::manifest::{Manifest, read};

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
        path.is_file() && Manifest::of(&path).is_ok_and(|manifest| manifest.is_workspace())
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
    files::known(path).ok()?.modified().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dep_files_parse_as_make_rules() {
        let rule = "/a/it.wasm: /a/build.rs /a/my\\ src/lib.rs\n\n/a/build.rs:\n";
        assert_eq!(sources(rule).collect::<Vec<_>>(), ["/a/build.rs", "/a/my src/lib.rs"]);
        assert_eq!(sources("").count(), 0);
    }
}

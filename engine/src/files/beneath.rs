//! Opens files in an open folder: no name and no link leads out of it.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

use rustix::fs::{self, Mode, OFlags};
use rustix::io::Errno;

use super::walk::open_folder;

/// Flags for reading metadata. Linux allows no others together with `PATH`.
#[cfg(target_os = "linux")]
pub(super) const LOOK: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
pub(super) const LOOK: OFlags =
    OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC).union(OFlags::NOCTTY);

/// Opens what `path` leads to in a folder. If `links` is true, links that stay within the folder are followed.
pub(super) fn open(
    folder: &OwnedFd,
    path: &Path,
    flags: OFlags,
    mode: Mode,
    links: bool,
) -> io::Result<OwnedFd> {
    #[cfg(target_os = "linux")]
    match by_system(folder, path, flags, mode, links) {
        // The kernel is older than 5.6, or a system call filter does not know the call.
        Err(Errno::NOSYS | Errno::PERM) => {}
        opened => return Ok(opened?),
    }
    let _ = links;
    Ok(by_component(folder, path, flags, mode)?)
}

#[cfg(target_os = "linux")]
fn by_system(
    folder: &OwnedFd,
    path: &Path,
    flags: OFlags,
    mode: Mode,
    links: bool,
) -> Result<OwnedFd, Errno> {
    use rustix::fs::ResolveFlags;

    let mut resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    if !links {
        resolve |= ResolveFlags::NO_SYMLINKS;
    }
    // Fails if another process renames folders at the same time.
    let mut tries = 0;
    loop {
        match fs::openat2(folder, path, flags, mode, resolve) {
            Err(Errno::AGAIN | Errno::INTR) if tries < 100 => tries += 1,
            opened => return opened,
        }
    }
}

/// Does the same without the system's help, but follows no links at all.
fn by_component(folder: &OwnedFd, path: &Path, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => names.push(name),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return Err(Errno::XDEV),
        }
    }
    let last = names.pop().unwrap_or(OsStr::new("."));
    let mut at: Option<OwnedFd> = None;
    for name in names {
        at = Some(open_folder(at.as_ref().unwrap_or(folder), name, OFlags::NOFOLLOW)?);
    }
    fs::openat(at.as_ref().unwrap_or(folder), last, flags | OFlags::NOFOLLOW, mode)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;
    use std::process::Command;

    use proptest::prelude::*;
    use proptest::sample::select;
    use tempfile::{TempDir, tempdir};

    use super::*;
    use crate::files::guests::{Granted, Id};
    use crate::files::walk::id_of;

    /// Names in a folder, and the components of links and of paths that are opened.
    const NAMES: [&str; 4] = ["a", "b", "c", "d"];
    const STEPS: [&str; 9] = ["a", "b", "c", "d", ".", "..", "../..", "outside", "/proc/self/cwd"];

    #[derive(Clone, Debug)]
    enum Entry {
        File,
        Folder,
        Pipe,
        Link(Vec<&'static str>),
    }

    type Tree = Vec<(Vec<&'static str>, Entry)>;

    fn tree() -> impl Strategy<Value = Tree> {
        let link = prop::collection::vec(select(&STEPS[..]), 1..5);
        let entry = prop_oneof![
            2 => Just(Entry::Folder),
            1 => Just(Entry::File),
            1 => Just(Entry::Pipe),
            4 => link.prop_map(Entry::Link),
        ];
        prop::collection::vec((prop::collection::vec(select(&NAMES[..]), 1..4), entry), 0..12)
    }

    /// Makes the tree in a folder `inside`, with another folder beside it. What can't be made is left out.
    fn made(tree: &Tree) -> TempDir {
        let scene = tempdir().unwrap();
        let inside = scene.path().join("inside");
        for folder in ["inside", "outside", "a", "b"] {
            std::fs::create_dir(scene.path().join(folder)).unwrap();
            std::fs::write(scene.path().join(folder).join("secret"), folder).unwrap();
        }
        for (path, entry) in tree {
            let path = inside.join(path.join("/"));
            // Not through a link.
            let whole = path.parent().and_then(|folder| folder.canonicalize().ok());
            if whole.is_none_or(|whole| whole != path.parent().unwrap()) {
                continue;
            }
            let _ = match entry {
                Entry::File => std::fs::File::create_new(&path).map(drop),
                Entry::Folder => std::fs::create_dir(&path),
                Entry::Pipe => Command::new("mkfifo").arg(&path).output().map(drop),
                Entry::Link(steps) => symlink(target(scene.path(), steps), &path),
            };
        }
        scene
    }

    /// A link's text. It is absolute if it begins with `outside`.
    fn target(scene: &Path, steps: &[&str]) -> PathBuf {
        let whole: PathBuf = steps.iter().collect();
        if steps[0] == "outside" { scene.join(whole) } else { whole }
    }

    /// Everything below a folder, without following links.
    fn ids(folder: &Path, known: &mut HashSet<Id>) {
        known.insert(id_of(std::fs::File::open(folder).unwrap()).unwrap());
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                ids(&entry.path(), known);
            } else if !kind.is_symlink() {
                let flags = LOOK | OFlags::NOFOLLOW;
                let file = fs::open(entry.path(), flags, Mode::empty()).unwrap();
                known.insert(id_of(file).unwrap());
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_path_opens_anything_outside_the_folder(
            tree in tree(),
            asked in prop::collection::vec(prop::collection::vec(select(&STEPS[..]), 1..5), 1..8),
        ) {
            let scene = made(&tree);
            let inside = scene.path().canonicalize().unwrap().join("inside");
            let mut within = HashSet::new();
            ids(&inside, &mut within);
            let folder = fs::open(&inside, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
            // From here on no link in it is followed when it is opened by its path either.
            let granted = Granted::open(&inside, false);
            // Another test's folder of compiled plugins may have had this folder's number: then another one is tried.
            prop_assume!(granted.is_ok());
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
            for steps in &asked {
                let path: PathBuf = steps.iter().collect();
                let opened = [
                    open(&folder, &path, flags, Mode::empty(), true),
                    open(&folder, &path, flags, Mode::empty(), false),
                    by_component(&folder, &path, flags, Mode::empty()).map_err(Into::into),
                ];
                for file in opened.into_iter().flatten() {
                    prop_assert!(within.contains(&id_of(file).unwrap()), "{}", path.display());
                }
                // Paths that users give may contain `..`.
                if !path.is_absolute() && !steps.iter().any(|step| step.contains("..")) {
                    let by_path = crate::files::open_file(&inside.join(&path));
                    if let Ok(file) = by_path {
                        prop_assert!(within.contains(&id_of(file).unwrap()), "{}", path.display());
                    }
                }
            }
        }
    }
}

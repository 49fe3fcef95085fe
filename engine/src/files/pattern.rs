//! Finds the files whose paths match a pattern.

use std::collections::BTreeSet;
use std::io;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

use super::{Folder, known};

/// The most folders that are entered one within another.
const DEEPEST: usize = 64;

/// A pattern for paths, as `logs/*.log` or `logs/**/access-{a,b}.log`: `*` and `?` match within a name, and `**` matches
/// folders.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// The folder in which files are looked for.
    folder: PathBuf,
    matcher: GlobMatcher,
    /// How many folders are entered at most.
    depth: usize,
}

impl Pattern {
    /// Whether a path has characters that have a meaning in patterns.
    #[must_use]
    pub fn is_pattern(path: &Path) -> bool {
        path.as_os_str().as_encoded_bytes().iter().any(|byte| b"*?[{".contains(byte))
    }

    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// If it is malformed.
    pub fn new(path: &Path) -> Result<Self, globset::Error> {
        let is_plain = |component: &Component| !Self::is_pattern(component.as_os_str().as_ref());
        let folder: PathBuf = path.components().take_while(is_plain).collect();
        let rest: PathBuf = path.components().skip_while(is_plain).collect();
        let names = rest.components().count();
        let is_deep = rest.components().any(|name| name.as_os_str() == "**");
        let matcher =
            GlobBuilder::new(&rest.to_string_lossy()).literal_separator(true).build()?.compile_matcher();
        Ok(Self { folder, matcher, depth: if is_deep { DEEPEST } else { names.saturating_sub(1) } })
    }

    /// The folder that all matching files are in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        if self.folder.as_os_str().is_empty() { Path::new(".") } else { &self.folder }
    }

    /// Whether a file of this name matches that is directly in the [folder](Self::folder).
    #[must_use]
    pub fn is_match(&self, name: &Path) -> bool {
        self.matcher.is_match(name)
    }

    /// The files that match, in the order of their paths. Folders, and names that begin with a dot, are left out. Folders
    /// that can't be read or don't exist have none.
    ///
    /// # Errors
    ///
    /// If the folder of the pattern exists and can't be read.
    pub fn find(&self) -> io::Result<Vec<PathBuf>> {
        let mut found = BTreeSet::new();
        match self.find_in(Path::new(""), 0, &mut found) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(found.into_iter().collect()),
        }
    }

    fn find_in(&self, within: &Path, depth: usize, found: &mut BTreeSet<PathBuf>) -> io::Result<()> {
        for name in Folder::open(&self.folder().join(within))?.names()? {
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let within = within.join(&name);
            let path = self.folder.join(&within);
            let Ok(known) = known(&path) else { continue };
            if known.is_dir() {
                // A link to a folder may lead back here.
                if depth < self.depth && !path.is_symlink() {
                    let _ = self.find_in(&within, depth + 1, found);
                }
            } else if self.matcher.is_match(&within) {
                found.insert(path);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_find_files_in_the_order_of_their_paths() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["b.log", "a.log", "c.txt", ".d.log", "x/e.log", "x/y/f.log"] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let find = |pattern: &str| {
            let found = Pattern::new(&folder.path().join(pattern)).unwrap().find().unwrap();
            let names = found.iter().map(|path| path.strip_prefix(folder.path()).unwrap().to_owned());
            names.map(|name| name.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(find("*.log"), ["a.log", "b.log"]);
        assert_eq!(find("[a-c].{log,txt}"), ["a.log", "b.log", "c.txt"]);
        assert_eq!(find("*/*.log"), ["x/e.log"]);
        assert_eq!(find("**/*.log"), ["a.log", "b.log", "x/e.log", "x/y/f.log"]);
        assert_eq!(find("missing/*"), [""; 0]);
        assert!(Pattern::new(Path::new("[")).is_err());
    }
}

//! The way from a path to what it leads to.

use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

use super::rules::LINKS;

/// What is passed on the way from a path to what it leads to, there or not. No path has a link before its last name.
pub(super) struct Way {
    /// Folders and links, and what is not there.
    pub(super) passed: Vec<PathBuf>,
    /// What it leads to.
    pub(super) end: PathBuf,
}

impl Way {
    /// The way from an absolute path, as it is now.
    pub(super) fn from(path: &Path) -> Self {
        let (mut rest, mut links) = (names(path), 0);
        let mut way = Self { passed: Vec::new(), end: PathBuf::from("/") };
        while let Some(name) = rest.pop() {
            if name == ".." {
                way.end.pop();
                continue;
            }
            let spot = way.end.join(name);
            way.passed.push(spot.clone());
            let link = spot.read_link().ok().filter(|_| links < LINKS);
            links += usize::from(link.is_some());
            match link {
                // Of a link that only the system can follow the text says nothing.
                Some(_) if spot.starts_with("/proc") => way.end = spot.canonicalize().unwrap_or(spot),
                Some(target) => {
                    if target.is_absolute() {
                        way.end = PathBuf::from("/");
                    }
                    rest.extend(names(&target));
                }
                None => way.end = spot,
            }
        }
        way
    }
}

/// The names in a path, the last first.
fn names(path: &Path) -> Vec<OsString> {
    let names = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsStr::new("..").to_owned()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
    });
    names.rev().collect()
}

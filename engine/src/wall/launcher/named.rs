//! The files that a run names: what the launcher may be asked for.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files::Folder;
use crate::wall::Rules;
use crate::wall::rules::target;

/// What is done with a file, besides being opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Use {
    /// Nothing.
    Opened,
    /// Another one takes its place, and it is removed.
    Replaced,
    /// It gets the names of older ones, as many as are kept.
    Rotated { keep: usize },
}

/// A file, in a folder that is open.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) folder: Folder,
    pub(super) name: OsString,
    pub(super) used: Use,
}

impl Named {
    fn find(path: &Path, used: Use) -> io::Result<Self> {
        // The one that rotates is the link, as others of its names may not be.
        let path = if matches!(used, Use::Rotated { .. }) { path.to_owned() } else { target(path) };
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::IsADirectory.into());
        };
        Ok(Self { folder: Folder::open(folder)?, name: name.to_owned(), used })
    }
}

/// The files that rules name and that can be reached. Folders are opened now, before anything could change them.
pub(super) fn files(rules: &Rules) -> Vec<(PathBuf, Named)> {
    let mut uses: BTreeMap<&Path, Use> = BTreeMap::new();
    uses.extend(rules.creates.iter().map(|path| (path.as_path(), Use::Opened)));
    uses.extend(rules.replaces.iter().map(|path| (path.as_path(), Use::Replaced)));
    uses.extend(rules.rotates.iter().map(|(path, keep)| (path.as_path(), Use::Rotated { keep: *keep })));
    // A file without a folder can't be created. Opening it gives the error.
    uses.into_iter()
        .filter_map(|(path, used)| Some((path.to_owned(), Named::find(path, used).ok()?)))
        .collect()
}

//! Files that stood at a path before, and have other names now: `log.1`, `log-20261128.gz`.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::generation::Generation;
use crate::connectors::support::positions::{FileId, FilePosition, id_of, modified};
use crate::files::Folder;

/// How often a folder is listed in which files get other names meanwhile.
const LISTINGS: usize = 8;

/// A file beside the one at a path.
pub(super) struct Sibling {
    path: PathBuf,
    /// Why it can't be read, if it can't.
    file: io::Result<File>,
    pub(super) id: Option<FileId>,
    modified: u64,
    /// Its name says that it is compressed.
    pub(super) is_compressed: bool,
}

/// A file that may have what was not read yet, and can't be read.
pub(super) struct Unreadable {
    pub(super) path: PathBuf,
    pub(super) error: io::Error,
}

/// The folder of the file at a path.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The files beside the one at `path` whose names are `wanted`, the one that was changed first at the beginning; only
/// the file `id`, if one is given: a folder may have more files than a process can have open.
fn beside(
    path: &Path,
    id: Option<FileId>,
    wanted: impl Fn(&OsStr) -> bool,
) -> Result<Vec<Sibling>, Unreadable> {
    let folder_path = folder_of(path);
    let unreadable = |error| Unreadable { path: folder_path.to_owned(), error };
    let folder = match Folder::open(folder_path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened.map_err(unreadable)?,
    };
    let own = path.file_name().unwrap_or_default();
    let names = || -> Result<BTreeSet<OsString>, Unreadable> {
        let names = folder.names().map_err(unreadable)?;
        Ok(names.into_iter().filter(|name| name != own && wanted(name)).collect())
    };
    let mut listed = names()?;
    let mut found = Vec::new();
    // A file that gets another name while they are listed may be missing.
    for _ in 0..LISTINGS {
        let is_meant =
            |name: &&OsString| id.is_none() || folder.known(name).is_ok_and(|known| id_of(&known) == id);
        let meant = listed.iter().filter(is_meant);
        found = meant.filter_map(|name| Sibling::open(&folder, folder_path, name)).collect();
        let again = names()?;
        if again == listed {
            break;
        }
        listed = again;
    }
    found.sort_by_key(|sibling| sibling.modified);
    Ok(found)
}

/// The files beside the one at `path` whose names look like those that rotations give. Compressed files that have what
/// they are made from beside them are left out: they may not be whole yet.
fn rotated(path: &Path) -> Result<Vec<Sibling>, Unreadable> {
    let own = path.file_name().unwrap_or_default();
    let mut found = beside(path, None, |name| is_rotated(own, name))?;
    let plain: BTreeSet<_> = found.iter().filter(|it| !it.is_compressed).map(|it| it.path.clone()).collect();
    found.retain(|it| !it.is_compressed || !plain.contains(&it.path.with_extension("")));
    Ok(found)
}

/// Finds the file that was read up to a position under its present name.
pub(super) fn find(position: &FilePosition) -> Result<Option<Generation>, Unreadable> {
    if position.id.is_none() {
        return Ok(None);
    }
    let own = position.path.file_name().unwrap_or_default();
    // The number of a file that is gone is given to others. If nothing was read, nothing else tells them apart.
    let is_told = position.read > 0;
    for sibling in beside(&position.path, position.id, |name| is_told || is_rotated(own, name))? {
        if sibling.id == position.id && (is_told || sibling.modified >= position.modified) {
            let Sibling { path, file, .. } = sibling;
            let resumed = file.and_then(|file| Generation::resumed(file, position));
            if let Some(generation) = resumed.map_err(|error| Unreadable { path, error })? {
                return Ok(Some(generation));
            }
        }
    }
    Ok(None)
}

/// Finds a copy of the file that was read up to a position.
pub(super) fn find_copy(position: &FilePosition) -> Result<Option<Generation>, Unreadable> {
    if position.read == 0 {
        return Ok(None);
    }
    // A copy is newer than its original. The search for missed files, which comes next, reports a copy that can't be read.
    let copies = rotated(&position.path)?.into_iter().filter(|copy| copy.modified >= position.modified);
    Ok(copies.filter_map(|copy| Generation::resumed(copy.file.ok()?, position).ok().flatten()).next())
}

/// The files that stood at `path` since the time `since`, the oldest first, except those that are `known`.
pub(super) fn since(
    path: &Path,
    since: u64,
    mut known: impl FnMut(&Sibling) -> bool,
) -> Result<Vec<(PathBuf, Generation)>, Unreadable> {
    let found = rotated(path)?.into_iter().filter(|sibling| sibling.modified >= since && !known(sibling));
    let open = |Sibling { path, file, .. }: Sibling| match file.and_then(Generation::of) {
        Ok(generation) => Ok((path, generation)),
        Err(error) => Err(Unreadable { path, error }),
    };
    found.map(open).collect()
}

impl Sibling {
    /// None if there is no regular file of this name.
    fn open(folder: &Folder, folder_path: &Path, name: &OsStr) -> Option<Self> {
        let file = folder.file(name).transpose()?;
        let known = match &file {
            Ok(file) => file.metadata(),
            Err(_) => folder.known(name),
        };
        let known = known.ok().filter(std::fs::Metadata::is_file)?;
        let is_compressed = compressed_name(&name.to_string_lossy()).is_some();
        let (id, modified) = (id_of(&known), modified(&known));
        Some(Self { path: folder_path.join(name), file, id, modified, is_compressed })
    }

    /// Its file once more, if it can be read.
    fn again(&self) -> Option<File> {
        self.file.as_ref().ok()?.try_clone().ok()
    }

    /// What it is known by.
    pub(super) fn state(&self) -> (Option<FileId>, u64) {
        (self.id, self.modified)
    }

    /// Whether it is the file that was read up to this position, or that file compressed.
    pub(super) fn was_read(&self, position: &FilePosition) -> bool {
        let is_same = self.id == position.id;
        let resumed = || Generation::resumed(self.again()?, position).ok().flatten();
        position.read > 0
            && (is_same || self.is_compressed)
            && resumed().is_some_and(|resumed| is_same || resumed.is_compressed())
    }

    /// Whether it is this open file, compressed.
    pub(super) fn is_compressed_from(&self, open: &Generation) -> bool {
        let is_same = || open.is_same_as(Generation::of(self.again()?).ok()?).ok();
        self.is_compressed && is_same().unwrap_or(false)
    }

    /// Whether it is copied from this open file, of which this much was read. A file that can't be decompressed is, if
    /// copies `may_be_unfinished`.
    pub(super) fn is_copied_from(
        &self,
        open: &Generation,
        position: &FilePosition,
        may_be_unfinished: bool,
    ) -> bool {
        let Some(file) = self.again() else { return false };
        let has_more = || Generation::resumed(self.again()?, position).ok().flatten();
        open.has_copy(&file).unwrap_or(may_be_unfinished)
            || position.read > 0 && self.modified >= position.modified && has_more().is_some()
    }
}

/// The name that a compressed file had before.
fn compressed_name(name: &str) -> Option<&str> {
    [".gz", ".zst"].iter().find_map(|end| name.strip_suffix(end))
}

/// Whether a rotation may have given `name` to the file `own`: it has a number or a date more.
fn is_rotated(own: &OsStr, name: &OsStr) -> bool {
    let (own, name) = (own.to_string_lossy(), name.to_string_lossy());
    let name = compressed_name(&name).unwrap_or(&name);
    let is_added = |added: &str| {
        added.starts_with(['.', '-', '_'])
            && added.contains(|c: char| c.is_ascii_digit())
            && added.chars().all(|c| c.is_ascii_digit() || ".-_:T".contains(c))
    };
    let between = || {
        let (stem, end) = own.rsplit_once('.')?;
        name.strip_prefix(stem)?.strip_suffix(end)?.strip_suffix('.')
    };
    name.strip_prefix(&*own).is_some_and(is_added) || between().is_some_and(is_added)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rotated_files_have_a_number_or_a_date_more() {
        let is_rotated = |name: &str| is_rotated("app.log".as_ref(), name.as_ref());
        for name in
            ["app.log.1", "app.log.2.gz", "app.log-20261128", "app.1.log", "app-2026-11-28T10:00.log.zst"]
        {
            assert!(is_rotated(name), "{name}");
        }
        for name in
            ["app.log", "app.log.bak", "app.logs", "other.log.1", "app.log.", "app.log.gz", "app.x1.log"]
        {
            assert!(!is_rotated(name), "{name}");
        }
    }
}

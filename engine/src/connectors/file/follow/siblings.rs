//! Files that stood at a path before, and have other names now: `log.1`, `log-20261128.gz`.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::Path;

use super::generation::Generation;
use crate::connectors::support::positions::{FileId, FilePosition, id_of, modified};
use crate::files::Folder;

/// A file beside the one at a path.
pub(super) struct Sibling {
    file: File,
    pub(super) id: Option<FileId>,
    modified: u64,
    /// Its name looks like those that rotations give.
    is_rotated: bool,
    is_compressed: bool,
}

/// The files beside the one at `path`, the oldest first. Those that can't be read are left out.
fn beside(path: &Path, wanted: impl Fn(&Sibling) -> bool) -> io::Result<Vec<Sibling>> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = Folder::open(folder)?;
    let own = path.file_name().unwrap_or_default();
    let mut found = Vec::new();
    for name in folder.names()? {
        if name == own {
            continue;
        }
        let Ok(Some(file)) = folder.file(&name) else { continue };
        let Ok(known) = file.metadata() else { continue };
        let (id, modified) = (id_of(&known), modified(&known));
        let (is_rotated, is_compressed) =
            (is_rotated(own, &name), compressed_name(&name.to_string_lossy()).is_some());
        let sibling = Sibling { file, id, modified, is_rotated, is_compressed };
        if wanted(&sibling) {
            found.push(sibling);
        }
    }
    found.sort_by_key(|sibling| sibling.modified);
    Ok(found)
}

/// Finds the file that was read up to a position under its present name; or a copy of it, if `copies`.
pub(super) fn find(position: &FilePosition, copies: bool) -> io::Result<Option<Generation>> {
    let is_same = |sibling: &Sibling| position.id.is_some() && sibling.id == position.id;
    // A copy is made later than what it is a copy of.
    let may_be_copy =
        |sibling: &Sibling| position.read > 0 && sibling.is_rotated && sibling.modified >= position.modified;
    let found =
        beside(&position.path, |sibling| if copies { may_be_copy(sibling) } else { is_same(sibling) })?;
    for sibling in found {
        if let Ok(Some(generation)) = Generation::resumed(sibling.file, position) {
            return Ok(Some(generation));
        }
    }
    Ok(None)
}

/// The files that stood at `path` since the time `since`, the oldest first, except those that are `known`.
pub(super) fn since(
    path: &Path,
    since: u64,
    known: impl Fn(&Sibling) -> bool,
) -> io::Result<Vec<Generation>> {
    let found = beside(path, |sibling| sibling.is_rotated && sibling.modified >= since && !known(sibling))?;
    Ok(found.into_iter().filter_map(|sibling| Generation::of(sibling.file).ok()).collect())
}

impl Sibling {
    /// Whether it is the file that was read up to this position, or that file compressed.
    pub(super) fn was_read(&self, position: &FilePosition) -> bool {
        let is_same = self.id == position.id;
        let resumed = || Generation::resumed(self.file.try_clone()?, position);
        position.read > 0
            && (is_same || self.is_compressed)
            && resumed().is_ok_and(|resumed| resumed.is_some_and(|it| is_same || it.is_compressed()))
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

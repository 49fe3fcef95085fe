//! Renames a file and its older versions, whose names end with numbers.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::open_options::LastLink;
use super::{Folder, outside, system};

/// Renames a file and its older versions to the next older name: PATH becomes PATH.1, PATH.1 becomes PATH.2, and so on
/// up to `keep`, whose file is replaced. If PATH is a link, the link is renamed.
///
/// # Errors
///
/// If a file can't be renamed.
pub fn rotate(path: &Path, keep: usize) -> io::Result<()> {
    let (folder, name) = system::place(path, LastLink::Itself)?;
    match Folder(Arc::new(folder)).rotate(&name, keep) {
        Err(error) => outside::instead(error, path)?.rotate(),
        rotated => rotated,
    }
}

/// The name of an older version.
fn numbered(name: &OsStr, number: usize) -> OsString {
    let mut name = name.to_owned();
    name.push(format!(".{number}"));
    name
}

impl Folder {
    /// Does what [`rotate`] does, in this folder.
    pub(crate) fn rotate(&self, name: &OsStr, keep: usize) -> io::Result<()> {
        // Names after the first gap stay as they are.
        let is_there = |older: &usize| self.0.is_there(&numbered(name, *older));
        let there = (1..keep).take_while(is_there).count();
        for older in (1..=keep.min(there + 1)).rev() {
            let newer = if older == 1 { name.to_owned() } else { numbered(name, older - 1) };
            match self.0.rename(&newer, &self.0, &numbered(name, older)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

//! A copy of the repository, kept from run to run: unchanged files are not built again.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::checkout::Checkout;

/// Makes `copy` hold what git would commit of the checkout, and nothing else.
pub(crate) fn refresh(checkout: &Checkout, copy: &Path) -> anyhow::Result<()> {
    let files = checkout.files()?;
    fs::create_dir_all(copy).with_context(|| format!("can't make {}", copy.display()))?;
    remove_others(copy, Path::new(""), &files)?;
    for file in &files {
        let failed = || format!("can't copy {}", file.display());
        if let Ok(to) = fs::read_link(checkout.root.join(file)) {
            link(&to, &copy.join(file)).with_context(failed)?;
            continue;
        }
        let wanted = fs::read(checkout.root.join(file)).with_context(failed)?;
        let place = copy.join(file);
        // A new time of change would make cargo build it again.
        if fs::read(&place).is_ok_and(|there| there == wanted) {
            continue;
        }
        fs::create_dir_all(place.parent().with_context(failed)?).with_context(failed)?;
        let original = checkout.root.join(file);
        fs::copy(&original, &place).with_context(failed)?;
        // As old as the original, so that cargo takes what was built of that one.
        let age = fs::metadata(&original).and_then(|metadata| metadata.modified()).with_context(failed)?;
        fs::File::options()
            .write(true)
            .open(&place)
            .and_then(|copy| copy.set_modified(age))
            .with_context(failed)?;
    }
    Ok(())
}

/// Makes a link that leads to `to`, unless it is there already.
fn link(to: &Path, place: &Path) -> io::Result<()> {
    if fs::read_link(place).is_ok_and(|there| there == to) {
        return Ok(());
    }
    if place.symlink_metadata().is_ok() {
        fs::remove_file(place)?;
    }
    fs::create_dir_all(place.parent().unwrap_or(place))?;
    symlink(to, place)
}

/// Removes what an earlier run left in `folder` of the copy.
fn remove_others(copy: &Path, folder: &Path, files: &BTreeSet<PathBuf>) -> anyhow::Result<()> {
    let failed = || format!("can't tidy {}", copy.join(folder).display());
    for entry in fs::read_dir(copy.join(folder)).with_context(failed)? {
        let entry = entry.with_context(failed)?;
        let path = folder.join(entry.file_name());
        let is_folder = entry.file_type().with_context(failed)?.is_dir();
        let wanted = files.range(path.clone()..).next().is_some_and(|file| file.starts_with(&path));
        match (wanted, is_folder) {
            (true, true) => remove_others(copy, &path, files)?,
            (true, false) => {}
            (false, true) => fs::remove_dir_all(entry.path()).with_context(failed)?,
            (false, false) => fs::remove_file(entry.path()).with_context(failed)?,
        }
    }
    Ok(())
}

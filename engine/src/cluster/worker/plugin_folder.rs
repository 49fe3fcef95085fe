//! Plugins that came over the network, kept in a folder: as many as a bound says, the latest that were used.
//!
//! Several workers may share a folder. Each holds a shared lock on the files that it uses; a file is removed only
//! with its exclusive lock.

use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::files::Folder;

/// Plugins that are kept beside those that are used.
const KEPT: usize = 200;

/// The longest wait for a lock, and the wait between two tries.
const LONGEST: Duration = Duration::from_millis(50);
const TRY: Duration = Duration::from_millis(1);

/// A folder of plugins by their hashes.
pub(super) struct PluginFolder {
    folder: Folder,
    kept: usize,
}

/// A plugin's file, which is not removed as long as this lives.
#[derive(Debug)]
pub(super) struct Held(#[expect(dead_code, reason = "its lock goes with it")] File);

impl PluginFolder {
    /// A folder that only this user can change, made if it is missing.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { folder: Folder::private(path)?, kept: KEPT })
    }

    /// The name of a plugin's file.
    pub(super) fn name(hash: &str) -> String {
        format!("{hash}.wasm")
    }

    /// A plugin that is there and whole, of at most `most` bytes. One that another process keeps to itself is none.
    pub(super) fn get(&self, hash: &str, most: u64) -> Option<Held> {
        let name = OsString::from(Self::name(hash));
        let file = self.folder.read(&name).ok()?;
        if !is_shared(&file) {
            return None;
        }
        let mut bytes = Vec::new();
        (&file).take(most.saturating_add(1)).read_to_end(&mut bytes).ok()?;
        if *blake3::hash(&bytes).to_hex() != *hash || !self.is_there(&name, &file) {
            return None;
        }
        // The latest that were used are kept: without this it is one of the first to go, and comes again.
        let _ = file.set_modified(SystemTime::now());
        Some(Held(file))
    }

    /// Keeps a plugin, and removes those that were not used for longest.
    pub(super) fn put(&self, hash: &str, bytes: &[u8]) -> io::Result<Held> {
        self.folder.replace(OsStr::new(&Self::name(hash)), |file| file.write_all(bytes))?;
        let held = self.get(hash, bytes.len() as u64);
        self.prune();
        held.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "it was removed at once"))
    }

    /// Whether a name is still that of a file that was opened.
    fn is_there(&self, name: &OsStr, file: &File) -> bool {
        let (Ok(known), Ok(opened)) = (self.folder.known(name), file.metadata()) else { return false };
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            (known.dev(), known.ino()) == (opened.dev(), opened.ino())
        }
        #[cfg(not(unix))]
        {
            known.len() == opened.len()
        }
    }

    fn prune(&self) {
        let names = self.folder.names().unwrap_or_default().into_iter();
        let used = |name: &OsString| self.folder.known(name).and_then(|known| known.modified());
        let mut entries: Vec<_> = names.filter_map(|name| Some((used(&name).ok()?, name))).collect();
        entries.sort();
        let more = entries.len().saturating_sub(self.kept);
        entries.iter().filter(|(_, name)| self.remove(name)).take(more).for_each(drop);
    }

    /// Removes a file that is not in use, and returns whether it did.
    fn remove(&self, name: &OsStr) -> bool {
        let Ok(file) = self.folder.read(name) else { return false };
        file.try_lock().is_ok() && self.folder.remove(name).is_ok()
    }
}

/// Takes the shared lock of a file that is used. Waits while another process removes it, but not forever: any process
/// that can read the file can hold its lock.
fn is_shared(file: &File) -> bool {
    let begun = Instant::now();
    loop {
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) if begun.elapsed() < LONGEST => thread::sleep(TRY),
            locked => return locked.is_ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(bytes: &[u8]) -> String {
        blake3::hash(bytes).to_hex().to_string()
    }

    #[test]
    fn the_latest_plugins_and_those_in_use_are_kept() {
        let path = tempfile::tempdir().unwrap();
        let folder = PluginFolder { kept: 3, ..PluginFolder::open(path.path()).unwrap() };
        let plugins: Vec<_> = (0..10_u8).map(|byte| vec![byte]).collect();
        let used = folder.put(&hash(&plugins[0]), &plugins[0]).unwrap();
        for (age, plugin) in (1..).zip(&plugins[1..]) {
            drop(folder.put(&hash(plugin), plugin).unwrap());
            let then = SystemTime::now().checked_sub(Duration::from_secs(100 - age)).unwrap();
            let file = folder.folder.read(OsStr::new(&PluginFolder::name(&hash(plugin)))).unwrap();
            file.set_modified(then).unwrap();
        }
        let there = |plugin: &Vec<u8>| path.path().join(PluginFolder::name(&hash(plugin))).exists();
        assert_eq!(
            plugins.iter().map(there).collect::<Vec<_>>()[..8],
            [true, false, false, false, false, false, false, false]
        );
        assert_eq!(plugins.iter().filter(|plugin| there(plugin)).count(), 3);
        drop(used);
        drop(folder.put(&hash(b"one more"), b"one more").unwrap());
        assert!(folder.get(&hash(&plugins[9]), 1).is_some());
    }

    #[test]
    fn a_plugin_locked_by_another_process_is_fetched_again() {
        let path = tempfile::tempdir().unwrap();
        let folder = PluginFolder::open(path.path()).unwrap();
        let plugin = hash(b"plugin");
        drop(folder.put(&plugin, b"plugin").unwrap());
        let locked = File::open(path.path().join(PluginFolder::name(&plugin))).unwrap();
        locked.lock().unwrap();
        assert!(folder.get(&plugin, 100).is_none());
        let _held = folder.put(&plugin, b"plugin").unwrap();
        assert!(folder.get(&plugin, 100).is_some());
    }

    #[test]
    fn a_file_with_a_wrong_hash_is_not_a_plugin() {
        let path = tempfile::tempdir().unwrap();
        let folder = PluginFolder::open(path.path()).unwrap();
        let (right, name) = (hash(b"right"), PluginFolder::name(&hash(b"right")));
        assert!(folder.get(&right, 100).is_none());
        std::fs::write(path.path().join(&name), b"wrong").unwrap();
        assert!(folder.get(&right, 100).is_none());
        folder.put(&right, b"right").unwrap();
        assert!(folder.get(&right, 100).is_some() && folder.get(&right, 1).is_none());
        assert!(folder.get("../right", 100).is_none());
    }
}

//! Compiled plugins, kept on disk between runs.
//!
//! Compiled code is run as it stands, so it is believed only from a folder that nobody else can
//! write to, and only if its digest is right. Whatever is wrong with the cache, the plugin is
//! compiled anew.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use wasmtime::Engine;
use wasmtime::component::Component;

/// How many compiled plugins are kept.
const KEPT: usize = 200;

/// The place of one plugin's compiled code.
pub(super) struct Entry {
    folder: PathBuf,
    file: PathBuf,
}

impl Entry {
    /// The entry for a plugin's bytes, as `engine` would compile them; none without a private folder.
    pub(super) fn new(engine: &Engine, wasm: &[u8]) -> Option<Self> {
        let folder = etcetera::choose_base_strategy().ok()?.cache_dir().join("engine").join("compiled");
        if !make_private(&folder) {
            return None;
        }
        let mut settings = Digest(blake3::Hasher::new());
        engine.precompile_compatibility_hash().hash(&mut settings);
        let key = settings.0.update(wasm).finalize().to_hex();
        let file = folder.join(format!("{key}.cwasm"));
        Some(Self { folder, file })
    }

    /// The compiled plugin, if it is there and whole.
    pub(super) fn read(&self, engine: &Engine) -> Option<Component> {
        let bytes = fs::read(&self.file).ok()?;
        let (digest, code) = bytes.split_at_checked(blake3::OUT_LEN)?;
        if blake3::hash(code) != blake3::Hash::from_slice(digest).ok()? {
            return None;
        }
        load(engine, code).ok()
    }

    /// Keeps the compiled plugin. A failure costs time at the next start, nothing else.
    pub(super) fn write(&self, code: &[u8]) {
        let write = || -> std::io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            file.write_all(blake3::hash(code).as_bytes())?;
            file.write_all(code)?;
            file.persist(&self.file)?;
            Ok(())
        };
        if write().is_ok() {
            prune(&self.folder);
        }
    }
}

/// The component of compiled code.
#[expect(
    unsafe_code,
    reason = "the code is our compiler's own, from this run or from a private folder with the right digest"
)]
pub(super) fn load(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `code` is what `Engine::precompile_component` returned to this user's engine, byte for byte:
    // a moment ago in this process or its child, or earlier, and then the folder is private to the user
    // and the digest holds. Wasmtime checks version and settings.
    unsafe { Component::deserialize(engine, code) }
}

/// Makes the folder, and says whether it belongs to this user and nobody else can write to it.
#[cfg(unix)]
fn make_private(folder: &Path) -> bool {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    let (Ok(()), Ok(found), Ok(own)) = (made, fs::symlink_metadata(folder), fs::metadata("/proc/self"))
    else {
        return false;
    };
    found.is_dir() && found.uid() == own.uid() && found.mode() & 0o022 == 0
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> bool {
    fs::create_dir_all(folder).is_ok()
}

/// Removes the oldest entries beyond those that are kept.
fn prune(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut entries: Vec<_> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    entries.sort();
    for (_, path) in entries.iter().take(entries.len().saturating_sub(KEPT)) {
        // Another run may have removed it already.
        let _ = fs::remove_file(path);
    }
}

/// Lets a hash of settings flow into the digest.
struct Digest(blake3::Hasher);

impl Hasher for Digest {
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

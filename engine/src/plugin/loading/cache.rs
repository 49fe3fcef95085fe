//! Compiled plugins, kept on disk between runs.
//!
//! Compiled code is run as it stands, so it is believed only from a folder that nobody else can
//! write to, nor to one around it, and only if its digest is right for the key that it is kept under. Whatever is wrong with the cache, the plugin is
//! compiled anew.

use std::ffi::OsString;
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::path::PathBuf;

use etcetera::BaseStrategy;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::files::Folder;

/// How many compiled plugins are kept.
const KEPT: usize = 200;

/// The most bytes that compiled code may have to be read again.
const LONGEST: u64 = 4 << 30;

/// What the digest of compiled code is about, so that no other digest is taken for it.
const PURPOSE: &str = "engine 2026 compiled plugin and the key that it is kept under";

/// The place of one plugin's compiled code.
pub(in crate::plugin) struct Entry {
    folder: Folder,
    key: blake3::Hash,
}

impl Entry {
    /// The entry for a plugin of this hash, as `engine` would compile it; none without a private folder.
    pub(in crate::plugin) fn new(engine: &Engine, wasm: &blake3::Hash) -> Option<Self> {
        let folder = Folder::private(&path()?).ok()?;
        let mut settings = Digest(blake3::Hasher::new());
        engine.precompile_compatibility_hash().hash(&mut settings);
        let key = settings.0.update(wasm.as_bytes()).finalize();
        Some(Self { folder, key })
    }

    fn name(&self) -> OsString {
        format!("{}.cwasm", self.key.to_hex()).into()
    }

    /// The digest of code that is kept under this key: under another one it is not right.
    fn digest(&self, code: &[u8]) -> blake3::Hash {
        blake3::Hasher::new_derive_key(PURPOSE).update(self.key.as_bytes()).update(code).finalize()
    }

    /// The compiled plugin, if it is there and whole.
    pub(in crate::plugin) fn read(&self) -> Option<Code> {
        let bytes = self.folder.read_at_most(&self.name(), LONGEST).ok()?;
        let (digest, code) = bytes.split_at_checked(blake3::OUT_LEN)?;
        let is_whole = self.digest(code) == blake3::Hash::from_slice(digest).ok()?;
        is_whole.then_some(Code { bytes, start: blake3::OUT_LEN })
    }

    /// Keeps the compiled plugin, and says whether it could. A failure costs time at the next start, nothing else.
    pub(in crate::plugin) fn write(&self, code: &[u8]) -> bool {
        let written = self.folder.replace(&self.name(), |file| {
            file.write_all(self.digest(code).as_bytes())?;
            file.write_all(code)
        });
        if written.is_ok() {
            prune(&self.folder);
        }
        written.is_ok()
    }
}

/// Machine code that our compiler made.
pub(in crate::plugin) struct Code {
    bytes: Vec<u8>,
    /// Where it begins.
    start: usize,
}

impl Code {
    /// What a compiler has just made.
    pub(in crate::plugin) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, start: 0 }
    }

    pub(in crate::plugin) fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }
}

/// The component of compiled code.
#[expect(
    unsafe_code,
    reason = "the code is our compiler's own, from this run or from a private folder with the right digest"
)]
pub(in crate::plugin) fn load(engine: &Engine, code: &Code) -> wasmtime::Result<Component> {
    // SAFETY: `code` is what `Engine::precompile_component` returned to this user's engine, byte for byte:
    // a moment ago in this process or its child, or earlier, and then the folder is private to the user
    // and the digest holds. Wasmtime checks version and settings.
    unsafe { Component::deserialize(engine, code.bytes()) }
}

/// Where compiled plugins are kept.
fn path() -> Option<PathBuf> {
    Some(etcetera::choose_base_strategy().ok()?.cache_dir().join("engine").join("compiled"))
}

/// The private folder in which compiled plugins are kept.
pub(in crate::plugin) fn folder() -> Option<PathBuf> {
    let path = path()?;
    Folder::private(&path).is_ok().then_some(path)
}

/// Removes the oldest entries beyond those that are kept.
fn prune(folder: &Folder) {
    let names = folder.names().unwrap_or_default().into_iter();
    let changed = |name: &OsString| folder.known(name).and_then(|known| known.modified());
    let mut entries: Vec<_> = names.filter_map(|name| Some((changed(&name).ok()?, name))).collect();
    entries.sort();
    for (_, name) in entries.iter().take(entries.len().saturating_sub(KEPT)) {
        // Another run may have removed it already.
        let _ = folder.remove(name);
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

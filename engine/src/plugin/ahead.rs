//! Plugins that are compiled before the process gives up what compiling needs.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::cache::{self, Entry};
use super::compiler::{Compilation, Compiled, Compiler};
use super::runtime;
use crate::error::NotAPlugin;

/// Machine code of plugins that were compiled ahead of a pool that has no way to do so any more.
///
/// A process behind a [wall](crate::wall) can neither start a compiler nor write to the cache.
#[derive(Clone, Debug, Default)]
pub struct Ahead(Arc<Mutex<Found>>);

/// By the hashes of plugins' bytes.
type Found = HashMap<blake3::Hash, Outcome>;

/// The machine code and what it took, or why there is none.
type Outcome = Result<(Arc<[u8]>, Compilation), NotAPlugin>;

impl Ahead {
    /// Compiles the plugin in a file, unless its code is in the cache already or it has not the hash that it is
    /// `pinned` to. Whatever is wrong with it is told when it is loaded.
    pub fn compile(&self, path: &Path, pinned: Option<&str>, compiler: &Compiler, size_limit: u64) {
        let Ok(wasm) = super::load::read(path, size_limit) else { return };
        let is_other = |pin: &str| *blake3::hash(&wasm).to_hex() != *pin;
        if super::load::recognize(&wasm).is_err() || pinned.is_some_and(is_other) {
            return;
        }
        let Ok(engine) = wasmtime::Engine::new(&runtime::config()) else { return };
        let entry = Entry::new(&engine, &wasm);
        if entry.as_ref().is_some_and(Entry::is_whole) {
            return;
        }
        let begun = Instant::now();
        let compiled = compiler.compile(&wasm).map(|Compiled { code, resident }| {
            if let Some(entry) = entry {
                entry.write(&code);
            }
            (code.into(), compiler.compilation(begun.elapsed(), resident))
        });
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        found.insert(blake3::hash(&wasm), compiled);
    }

    /// What came of compiling these bytes, if that was done here.
    pub(super) fn find(&self, wasm: &[u8]) -> Option<Outcome> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if found.is_empty() { None } else { found.get(&blake3::hash(wasm)).cloned() }
    }
}

/// The folder in which compiled plugins are kept, made if it was not there; none if it is not private.
#[must_use]
pub fn compile_cache() -> Option<std::path::PathBuf> {
    cache::folder()
}

/// A folder of this user that nobody else can change, made if it was not there; none if others could change it.
#[must_use]
pub fn private_folder(path: &Path) -> Option<std::path::PathBuf> {
    crate::files::Folder::private(path).ok().map(|_| path.to_owned())
}

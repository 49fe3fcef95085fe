//! Plugins that are read and compiled before the process gives up what that needs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::NotAPlugin;
use crate::plugin::loading::cache;
use crate::plugin::loading::compiler::Compiler;
use crate::plugin::loading::load::{Compiled, Wasm, compile_by};
use crate::plugin::runtime;
use crate::plugin::undeclared::Undeclared;

/// Machine code of plugins, read or compiled ahead of a pool that can compile none any more.
///
/// A process behind a [wall](crate::wall) can neither start a compiler nor write to the cache.
#[derive(Clone, Debug, Default)]
pub struct Ahead(Arc<Mutex<HashMap<PathBuf, Ready>>>);

/// A plugin whose code is at hand.
#[derive(Clone)]
pub(in crate::plugin) struct Ready {
    /// In bytes, as its file was.
    pub(in crate::plugin) size: u64,
    pub(in crate::plugin) hash: blake3::Hash,
    pub(in crate::plugin) undeclared: Undeclared,
    /// The code, or why there is none.
    pub(in crate::plugin) compiled: Result<Arc<Compiled>, NotAPlugin>,
}

impl std::fmt::Debug for Ready {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ready({})", self.hash)
    }
}

impl Ahead {
    /// Reads the plugin in a file, and compiles it unless its code is in the cache already or it has not the hash
    /// that it is `pinned` to. A pool that loads it by the same path takes what was found here, whatever becomes of
    /// the file. Mistakes in it are reported then.
    pub fn compile(&self, path: &Path, pinned: Option<&str>, compiler: &Compiler, size_limit: u64) {
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if found.contains_key(path) {
            return;
        }
        let Ok(wasm) = Wasm::read(path, size_limit) else { return };
        let is_other = |pin: &str| !wasm.hash.to_hex().eq_ignore_ascii_case(pin);
        if wasm.recognize().is_err() || pinned.is_some_and(is_other) {
            return;
        }
        let Ok(engine) = wasmtime::Engine::new(&runtime::config()) else { return };
        let compiled = compile_by(&engine, Some(compiler), &wasm).map(Arc::new);
        found.insert(path.to_owned(), wasm.ready(compiled));
    }

    /// What was found at a path. It is not kept in memory if it can be read again.
    pub(in crate::plugin) fn take(&self, path: &Path) -> Option<Ready> {
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ready = found.get(path)?.clone();
        if ready.compiled.as_ref().is_ok_and(|compiled| compiled.is_kept) {
            found.remove(path);
        }
        Some(ready)
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

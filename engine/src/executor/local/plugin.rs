//! A loaded plugin, as users hold it.

use std::path::Path;
use std::sync::Arc;

use super::function::{Function, Returns};
use super::shared::PoolShared;
use crate::error::nearest_of;
use crate::error::{FunctionError, LoadError};
use crate::function::{Capability, Kind, Signature};
use crate::plugin::{
    Compilation, FunctionCore, Grants, Loaded, Messages, Opening, Output, Undeclared, check_hash,
};
use crate::record::Record;
use crate::{Error, FaultPolicy};

/// A compiled plugin, ready to be run by the pool that loaded it.
#[derive(Clone)]
pub struct Plugin {
    loaded: Arc<Loaded>,
    pool: Arc<PoolShared>,
    granted: Vec<Capability>,
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Plugin({})", self.path().display())
    }
}

impl Plugin {
    pub(crate) fn new(loaded: Loaded, pool: Arc<PoolShared>) -> Self {
        Self { loaded: Arc::new(loaded), pool, granted: Vec::new() }
    }

    /// The same plugin with a capability granted. Only functions that declare it get it.
    #[must_use]
    pub fn grant(mut self, capability: Capability) -> Self {
        self.granted.push(capability);
        self
    }

    /// The function `name`, which takes records of `I` and returns records of `O` (`()` for a sink).
    ///
    /// `Vec<u8>` goes with every function: records as they are.
    ///
    /// # Errors
    ///
    /// If there is no such function, if it takes or returns other types, or if it needs a capability that was not
    /// granted.
    pub fn function<I: Record, O: Returns>(&self, name: &str) -> Result<Function<I, O>, Error> {
        self.open(self.signature(name)?)
    }

    /// The only function of the plugin.
    ///
    /// # Errors
    ///
    /// If the plugin has several, and those of [`function`](Self::function).
    pub fn only_function<I: Record, O: Returns>(&self) -> Result<Function<I, O>, Error> {
        match self.signatures() {
            [signature] => self.open(signature),
            _ => Err(Error::Load(LoadError::Ambiguous {
                path: self.path().to_owned(),
                functions: self.names(),
            })),
        }
    }

    fn open<I: Record, O: Returns>(&self, signature: &Signature) -> Result<Function<I, O>, Error> {
        Function::typed(FunctionCore::new(self.pool.next_id(), self.opening(signature)?), self.pool.clone())
    }

    /// The function `name`, opened otherwise, without the types of its records.
    #[cfg(feature = "cluster")]
    pub(crate) fn core(
        &self,
        name: &str,
        change: impl FnOnce(&mut Opening),
    ) -> Result<Arc<FunctionCore>, Error> {
        let mut opening = self.opening(self.signature(name)?)?;
        change(&mut opening);
        Ok(FunctionCore::new(self.pool.next_id(), opening))
    }

    fn signature(&self, name: &str) -> Result<&Signature, Error> {
        let named = self.signatures().iter().find(|signature| signature.name == name);
        named.ok_or_else(|| {
            Error::Load(LoadError::UnknownFunction {
                path: self.path().to_owned(),
                name: name.to_owned(),
                functions: self.names(),
                nearest: nearest_of(name, self.signatures().iter().map(|signature| signature.name.as_str())),
            })
        })
    }

    fn opening(&self, signature: &Signature) -> Result<Opening, Error> {
        let grants = Grants::of(&signature.capabilities, &self.granted);
        let grants = grants.map_err(|capabilities| {
            Error::Function(FunctionError::NotGranted { function: signature.name.clone(), capabilities })
        })?;
        Ok(Opening {
            plugin: self.loaded.clone(),
            name: signature.name.clone(),
            kind: signature.kind,
            negated: false,
            arguments: Vec::new(),
            limits: self.pool.limits(),
            messages: Messages::new(&signature.name, self.pool.on_print(), self.pool.limits().messages),
            output: (signature.kind == Kind::Sink).then(Output::stdout),
            policy: FaultPolicy::stop(),
            grants: grants.when_undeclared(self.loaded.undeclared),
            watch: self.pool.watch(),
        })
    }

    fn names(&self) -> Vec<String> {
        self.signatures().iter().map(|signature| signature.name.clone()).collect()
    }

    /// The signatures of its functions.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.loaded.signatures
    }

    /// The file that it was loaded from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.loaded.path
    }

    /// The interfaces that the plugin imports. Compilers add many that it does not use.
    #[must_use]
    pub fn imports(&self) -> &[String] {
        &self.loaded.imports
    }

    /// What the plugin's code can make calls for though none of its functions declares it: `clock`, `dir` or `net`.
    #[must_use]
    pub fn undeclared(&self) -> Vec<&'static str> {
        let needs = || self.signatures().iter().flat_map(|signature| &signature.capabilities);
        let is_declared = |kind: &str| needs().any(|need| need.split(':').next() == Some(kind));
        self.loaded.reach.iter().copied().filter(|kind| !is_declared(kind)).collect()
    }

    /// Whether a call for what a function did not declare is a fault of its record, as in all plugins in Rust. In others
    /// such a call may be made by the language itself, and finds the first second of 1970, no files and no network.
    #[must_use]
    pub fn fails_undeclared(&self) -> bool {
        self.loaded.undeclared == Undeclared::Fault
    }

    /// The size of its file in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.loaded.size
    }

    /// The limit on its size, in bytes.
    #[must_use]
    pub fn size_limit(&self) -> u64 {
        self.loaded.size_limit
    }

    /// What compiling it took. None if the code was in the cache.
    #[must_use]
    pub fn compilation(&self) -> Option<Compilation> {
        self.loaded.compilation
    }

    /// Checks that the plugin has the pinned hash.
    pub(crate) fn check_hash(&self, pin: &str) -> Result<(), Error> {
        check_hash(self.path(), self.hash(), pin)
    }

    /// The BLAKE3 hash of its file, in hexadecimal digits.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.loaded.hash
    }
}

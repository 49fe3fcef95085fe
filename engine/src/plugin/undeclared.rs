//! Calls for what a function did not declare.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::fault::Cause;

/// What becomes of a function's call for the time of day, files or the network, if the function did not declare it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Undeclared {
    /// It ends the call: the plugin says that all such calls are its functions' own.
    Fault,
    /// It finds the first second of 1970, no files and no network: the runtime of a language may ask for these by
    /// itself, as a garbage collector reads the clock.
    #[default]
    FindsNothing,
}

/// The calls of one function for what it did not declare.
#[derive(Clone, Debug, Default)]
pub(in crate::plugin) struct UndeclaredCalls {
    outcome: Undeclared,
    /// Whether it found the clock at 1970.
    frozen_clock: Arc<AtomicBool>,
}

impl UndeclaredCalls {
    /// All become this.
    pub(in crate::plugin) fn new(outcome: Undeclared) -> Self {
        Self { outcome, frozen_clock: Arc::default() }
    }

    /// A call for a capability that was not declared: an error, unless it is to find nothing.
    pub(in crate::plugin) fn check(&self, capability: &'static str) -> Result<(), UndeclaredCall> {
        match self.outcome {
            Undeclared::Fault => Err(UndeclaredCall { capability }),
            Undeclared::FindsNothing => Ok(()),
        }
    }

    /// The function found the clock at 1970.
    pub(in crate::plugin) fn note_frozen_clock(&self) {
        self.frozen_clock.store(true, Relaxed);
    }

    /// Whether the function found the clock at 1970.
    pub(in crate::plugin) fn found_frozen_clock(&self) -> bool {
        self.frozen_clock.load(Relaxed)
    }
}

/// A function called for something that it did not declare.
#[derive(Clone, Copy, Debug)]
pub(in crate::plugin) struct UndeclaredCall {
    /// The capability, as functions declare it.
    pub(in crate::plugin) capability: &'static str,
}

impl fmt::Display for UndeclaredCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Cause::from(*self).fmt(f)
    }
}

impl std::error::Error for UndeclaredCall {}

impl From<UndeclaredCall> for Cause {
    fn from(UndeclaredCall { capability }: UndeclaredCall) -> Self {
        Self::Undeclared { capability: capability.into() }
    }
}

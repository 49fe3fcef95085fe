//! What the instances of one function share in file systems.

use std::fmt;
use std::sync::Arc;

use super::closes::Closes;
use super::threads::Lane;

/// What the instances of one function share in file systems.
#[derive(Clone, Default)]
pub(in crate::plugin) struct FunctionFiles {
    /// Where their operations wait for one another.
    pub(in crate::plugin) lane: Arc<Lane>,
    /// Closes that have not ended.
    pub(in crate::plugin) closes: Arc<Closes>,
}

impl fmt::Debug for FunctionFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FunctionFiles")
    }
}

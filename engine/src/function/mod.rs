//! What a function is, for all that have to do with it: plain data, which knows nothing of WebAssembly.

pub mod capability;
mod limits;
mod retirement;
mod signature;
mod state;
mod usage;

pub use capability::Capability;
pub use limits::Isolation;
pub(crate) use limits::Limits;
pub(crate) use retirement::Retirement;
pub use retirement::{Repeated, Retired};
pub use signature::{Kind, Parameter, Signature};
pub use state::State;
pub(crate) use state::{apart, together};
pub(crate) use usage::UsageGauge;
#[cfg(feature = "cluster")]
pub(crate) use usage::UsageTotals;
pub use usage::{PoolUsage, Usage};

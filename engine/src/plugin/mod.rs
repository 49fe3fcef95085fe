//! Plugins: loading them, and running their functions in a sandbox.
//!
//! Only this folder names wasmtime.

mod ahead;
mod cache;
mod cause;
mod compiler;
mod contract;
mod core;
mod described;
mod disk;
mod files;
mod grants;
mod hints;
mod hosting;
mod instance;
mod lane;
mod ledger;
mod limits;
mod load;
mod memory;
mod meter;
mod names;
mod outcome;
mod output;
mod pace;
mod random;
mod refusal;
mod runtime;
mod sandbox;
mod sockets;
mod threads;
mod usage;

pub(crate) use self::core::{Core, Opening};
pub use ahead::{Ahead, compile_cache, private_folder};
pub use compiler::{Compilation, Compiler};
#[cfg(any(fuzzing, test))]
pub(crate) use contract::exports::engine::plugin::stages as wit;
pub use grants::Capability;
pub(crate) use grants::Grants;
pub(crate) use hosting::{Hosting, Network};
pub(crate) use instance::{Instance, OpenError, Trouble};
pub(crate) use ledger::Ledger;
pub use limits::Isolation;
pub(crate) use limits::Limits;
pub(crate) use load::{Loaded, check_hash};
pub(crate) use memory::TotalMemory;
pub(crate) use meter::Waiting;
pub(crate) use outcome::{Failure, Outcome};
pub(crate) use output::{Messages, OnPrint};
pub use output::{Output, Print};
pub(crate) use pace::MOST_BYTES;
pub(crate) use runtime::Runtime;
pub(crate) use usage::Tally;
pub use usage::{PoolUsage, Usage};

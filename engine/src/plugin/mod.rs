//! Compiles plugins in a separate process or ahead of time, and takes what their functions print.
//!
//! [`Pool::load`](crate::Pool::load) loads a plugin without any of this. A [`Compiler`] limits the time and memory of
//! compiling, [`Ahead`] has the code of plugins ready before a pool needs it, [`Print`] is a line that a function wrote,
//! and [`Output`] is a writer that several sinks share.

// Only this folder names wasmtime.

mod calls;
mod capabilities;
mod contract;
mod host;
mod hosting;
mod loaded;
mod loading;
mod memory;
mod output;
mod refusal;
mod runtime;
mod sandbox;
mod undeclared;

pub(crate) use calls::batch_size::MOST_BYTES;
pub(crate) use calls::function_core::{FunctionCore, Opening};
pub(crate) use calls::instance::{Instance, OpenError, Trouble};
pub(crate) use calls::outcome::{Failure, Outcome};
pub(crate) use capabilities::grants::Grants;
#[cfg(any(fuzzing, test))]
pub(crate) use contract::exports::engine::plugin::stages as wit;
pub(crate) use host::resources::GuestResources;
pub(crate) use hosting::{Hosting, Network};
pub use loaded::Compilation;
pub(crate) use loaded::Loaded;
pub use loading::ahead::{Ahead, compile_cache, private_folder};
pub use loading::compiler::Compiler;
pub(crate) use loading::load::{Loader, check_hash};
pub(crate) use memory::TotalMemory;
pub(crate) use output::{Messages, OnPrint};
pub use output::{Output, Print};
pub(crate) use runtime::Runtime;
pub(crate) use sandbox::meter::Waiting;
pub(crate) use undeclared::Undeclared;

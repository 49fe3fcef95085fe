//! What a function is, for all that have to do with it: plain data, which knows nothing of WebAssembly.

mod signature;
mod state;

pub use signature::{Kind, Parameter, Signature};
pub use state::State;
pub(crate) use state::{apart, together};

//! What a function is, for all that have to do with it: plain data, which knows nothing of WebAssembly.

mod signature;

pub use signature::{Kind, Parameter, Signature};

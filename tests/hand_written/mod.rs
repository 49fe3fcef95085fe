//! Plugins written by hand in WebAssembly's text format, for cases that no compiler emits.
//!
//! Those of `violations` and `states` fit the contract in their types and break it in their bytes, at each entry point;
//! neighbours are checked after each. Those of `growth` have memories that can't grow. Those of `oversized` take very
//! long to compile or parse.

mod growth;
mod module;
mod oversized;
mod states;
mod violations;

//! Plugins written by hand in WebAssembly's text format, for what no compiler would say.
//!
//! Those of `violations` and `states` fit the contract in their types and break it in their bytes: at each entry point, the
//! neighbours looked at after each. Those of `growth` have memories that can't grow. Those of `oversized` want whoever reads them to take for ever.

mod growth;
mod module;
mod oversized;
mod states;
mod violations;

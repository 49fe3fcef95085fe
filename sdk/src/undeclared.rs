//! Tells the host that no runtime of a language is part of the plugin: all that it calls for, its functions call for.

/// A call for the time of day, files or the network that a function did not declare is then a fault that names what to
/// declare. The host reads this custom section without running the plugin.
#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "a custom section of WebAssembly holds neither code nor data of the program")]
#[expect(dead_code, reason = "the host alone reads it")]
#[doc(hidden)]
#[unsafe(link_section = "engine:undeclared")]
pub static UNDECLARED: [u8; 5] = *b"fault";

//! The contract of `wit/plugin.wit` as Rust types. All unsafe code of the crate is generated here.

#![allow(unsafe_code, missing_docs, unreachable_pub)]

wit_bindgen::generate!({ path: "wit", world: "stream-plugin" });

pub use self::engine::plugin::host;
pub use self::exports::engine::plugin::stages::{
    Batch, Failure, Format, Guest, GuestStage, Kind, Outcome, Parameter, Shape, Signature, Stage,
};

#[cfg(target_family = "wasm")]
export!(Plugin with_types_in self);

#[cfg(target_family = "wasm")]
use crate::plugin::Plugin;

//! Write stream functions for `engine` as ordinary Rust functions.
//!
//! An attribute makes a function part of a plugin. Nothing else is needed:
//!
//! ```
//! use engine_sdk::map;
//!
//! /// Adds one.
//! #[map]
//! fn inc(x: i64) -> i64 {
//!     x + 1
//! }
//!
//! assert_eq!(inc(1), 2); // it is still an ordinary function
//! ```
//!
//! | attribute | for each record it returns |
//! |---|---|
//! | [`#[map]`](map) | one value; or an `Option`, where `None` leaves the record out |
//! | [`#[filter]`](filter) | whether to keep it |
//! | [`#[flat_map]`](flat_map) | any number of values |
//! | [`#[accumulate]`](macro@accumulate) | what a map returns, and changes a state |
//! | [`#[sink]`](sink) | nothing |
//!
//! Each may return a `Result` instead. An `Err` makes this one record a fault, and no other record is affected.
//! A panic has the same effect but costs more: its instance is replaced. See [`Failure`].
//!
//! # Records
//!
//! The first argument is the record. Its type says how the record is read; the return type says how the
//! result is written:
//!
//! | type | a record is |
//! |---|---|
//! | integers, floats, `bool` | a number, `true` or `false` |
//! | `&str`, `String`, `char` | the text itself, without quotes |
//! | `&[u8]`, `Vec<u8>` | the bytes themselves |
//! | any other type that serde knows | one JSON value |
//!
//! `&str` and `&[u8]` are borrowed from the batch and are not copied. A serde type may be taken as `T` or as
//! `&T`, and may borrow from the record (`Visit<'_>`). Declare borrowed text as
//! `#[serde(borrow)] name: Cow<'a, str>`: serde can borrow a `&str` only if the JSON text has no escapes.
//!
//! # Parameters
//!
//! All other arguments are parameters. They are read once, when an instance opens the function:
//!
//! ```
//! use engine_sdk::map;
//!
//! /// Adds `step`, and at most `limit`.
//! #[map(step = 1)]
//! fn add(
//!     x: i64,
//!     /// How much to add.
//!     step: i64,
//!     /// The largest result there is.
//!     limit: Option<i64>,
//! ) -> i64 {
//!     (x + step).min(limit.unwrap_or(i64::MAX))
//! }
//! ```
//!
//! Here `step` is 1 unless it is given, and `limit` may be left out. A parameter without a default that is no
//! `Option` is required. A parameter that is not a reference is cloned for each record.
//!
//! # States
//!
//! A function that [accumulates](macro@accumulate) takes its state as the first argument, before the record:
//!
//! ```
//! use engine_sdk::accumulate;
//!
//! /// The largest number so far, if the record is larger than all before it.
//! #[accumulate(start = i64::MIN)]
//! fn largest(largest: &mut i64, x: i64) -> Option<i64> {
//!     if x <= *largest {
//!         return None;
//!     }
//!     *largest = x;
//!     Some(x)
//! }
//!
//! let mut state = 3;
//! assert_eq!([2, 5, 4].map(|x| largest(&mut state, x)), [None, Some(5), None]);
//! ```
//!
//! The state may have any type that a record may have. The host saves it and restores it, perhaps in another
//! instance, so reading a written state must give the same state. If the run gives its records keys, there is
//! one state for each key.
//!
//! # Rules
//!
//! - A result depends only on the record, the parameters and the state, because a record may be run again on
//!   another instance. Use statics and thread-locals as caches only. The order of a `HashMap` differs between
//!   instances: sort what you take from one, or use a `BTreeMap`.
//! - A sandbox has no files, no network and no time of day; `Instant` and `thread::sleep` work. A function declares
//!   what it needs of these (`#[map(needs("clock"))]`), and the user who runs it decides whether to grant that. Using
//!   what it does not declare is a fault.
//! - `println!`, `print!` and the like work. What a sink prints is the output of the run, byte for byte. What other
//!   functions print are messages for people, of a line each; a line that is not ended ends with the call.

#![deny(unsafe_code)]
#![warn(missing_docs)]

mod accumulate;
mod arguments;
mod codec;
mod contract;
mod failure;
mod host;
mod outputs;
mod plugin;
mod printed;
mod process;
mod registry;
mod undeclared;

pub use engine_sdk_macros::{accumulate, filter, flat_map, map, sink};
pub use failure::Failure;

/// What the attributes expand to. No part of the interface: it changes without notice.
#[doc(hidden)]
pub mod __private {
    pub use inventory;

    pub use crate::accumulate::{StateCodec, accumulate};
    pub use crate::arguments::Arguments;
    pub use crate::codec::{ChooseJson, ChooseNone, ChoosePlain, Tag};
    pub use crate::contract::{Batch, Format, Kind, Outcome, Parameter, Shape, Signature};
    pub use crate::failure::{ChooseDisplay, ChooseInto};
    pub use crate::outputs::Outputs;
    pub use crate::process::{filter, map, sink};
    pub use crate::registry::{Bound, Function, Process, describe, open};
}

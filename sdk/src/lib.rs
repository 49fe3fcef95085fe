//! Write stream functions for `engine` as ordinary Rust functions.
//!
//! An attribute makes a function part of a plugin; there is nothing else to write:
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
//! assert_eq!(inc(1), 2); // It stays an ordinary function.
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
//! Any of them may return a `Result` of that: an `Err` makes this one record a fault, and leaves
//! its neighbours alone. A panic does the same, at a higher price. See [`Failure`].
//!
//! # Records
//!
//! The first argument is the record. Its type says how the record is read, and the type that is
//! returned says how the result is written:
//!
//! | type | a record is |
//! |---|---|
//! | integers, floats, `bool` | a number, `true` or `false` |
//! | `&str`, `String`, `char` | the text itself, without quotes |
//! | `&[u8]`, `Vec<u8>` | the bytes themselves |
//! | any other type that serde knows | one JSON value |
//!
//! `&str` and `&[u8]` are lent from the batch and cost nothing. A serde type may be taken as `T` or
//! as `&T`, and may itself borrow from the record (`Visit<'_>`); serde lends a `&str` only where the
//! JSON holds no escapes, so a field `#[serde(borrow)] name: Cow<'a, str>` is the one to choose.
//!
//! # Parameters
//!
//! Further arguments are parameters. They are read once, when the function is opened:
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
//! Here `step` is 1 unless it is given, and `limit` may be left out; without either, a parameter is
//! required. A parameter that is not a reference is cloned for each record.
//!
//! # States
//!
//! A function that [accumulates](macro@accumulate) has its state as the first argument, before the record:
//!
//! ```
//! use engine_sdk::accumulate;
//!
//! /// The largest number so far, where there is a new one.
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
//! The state is a type that records could be: it is written, kept, and read again, here or in another
//! instance, and has to come back as it was. Whoever runs the function may keep a state for each key.
//!
//! # Rules
//!
//! A result depends on the record and the parameters alone (and on the state, if there is one), since a
//! record may be run again on another instance: statics and thread-locals are caches. The order of a `HashMap` is such a state;
//! sort what you take from one, or use a `BTreeMap`. A sandbox has no files, no network and no time of
//! day: `SystemTime::now` is 1970, while `Instant` and `thread::sleep` work. What a function needs of
//! that it says (`#[map(needs("clock"))]`), and gets it if whoever runs it agrees. `println!` and `eprintln!` work; what a
//! sink prints is the output of the run.

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
mod process;
mod registry;

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

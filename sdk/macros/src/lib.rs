//! The attributes of `engine-sdk`, which re-exports and documents them.
//!
//! - `function`: the user's function, as far as the attributes care, and what is refused of it
//! - `parameter`: its parameters and their defaults
//! - `returned`: its return type
//! - `settings`: what stands in the attribute: defaults, and what the function needs
//! - `types`: questions about types
//! - `expand`: the registration that is written after the function

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod expand;
mod function;
mod parameter;
mod returned;
mod settings;
mod types;

use proc_macro::TokenStream;

use crate::function::Kind;

/// One output for each record.
///
/// Returns a value; an `Option`, where `None` leaves the record out; or a `Result` of those.
///
/// ```
/// use engine_sdk::map;
///
/// /// The square root, for numbers that have one.
/// #[map]
/// fn root(x: f64) -> Option<f64> {
///     (x >= 0.0).then(|| x.sqrt())
/// }
/// ```
///
/// Further arguments are parameters. One with a default, as `step` here, or of type `Option` may
/// be left out:
///
/// ```
/// # use engine_sdk::map;
/// /// Adds `step`.
/// #[map(step = 1)]
/// fn add(x: i64, step: i64) -> Result<i64, String> {
///     x.checked_add(step).ok_or_else(|| format!("{x} + {step} is too large"))
/// }
/// ```
///
/// What a function needs from outside of its sandbox it says, and whoever runs it must grant it: a folder
/// (`dir`), connections (`net`), variables of the environment (`env:NAME`), the time of day (`clock`),
/// entropy (`random`).
///
/// ```
/// # use engine_sdk::map;
/// # use std::time::{SystemTime, SystemTimeError, UNIX_EPOCH};
/// /// Puts the time before a line.
/// #[map(needs("clock"))]
/// fn stamped(line: &str) -> Result<String, SystemTimeError> {
///     Ok(format!("{} {line}", SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs()))
/// }
/// ```
#[proc_macro_attribute]
pub fn map(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::attribute(Kind::Map, arguments.into(), item.into()).into()
}

/// Keeps a record as it is, or drops it.
///
/// Returns a `bool`, where `true` keeps the record; or a `Result` of it.
///
/// ```
/// use engine_sdk::filter;
///
/// /// Keeps lines that hold `word`.
/// #[filter]
/// fn contains(line: &str, word: &str) -> bool {
///     line.contains(word)
/// }
/// ```
#[proc_macro_attribute]
pub fn filter(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::attribute(Kind::Filter, arguments.into(), item.into()).into()
}

/// Any number of outputs for each record.
///
/// Returns an iterator, or anything that makes one: a `Vec`, an array, an `Option`; or a `Result`
/// of it.
///
/// ```
/// use engine_sdk::flat_map;
///
/// /// The words of a line.
/// #[flat_map]
/// fn words(line: &str) -> impl Iterator<Item = &str> {
///     line.split_whitespace()
/// }
/// ```
#[proc_macro_attribute]
pub fn flat_map(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::attribute(Kind::FlatMap, arguments.into(), item.into()).into()
}

/// Consumes records and gives no output.
///
/// Returns nothing, or a `Result<(), E>`. It runs on one instance, in order, and at most once on
/// each record within a run. What it prints is the output of the run.
///
/// ```
/// use engine_sdk::sink;
///
/// #[sink]
/// fn print(line: &str) {
///     println!("{line}");
/// }
/// ```
#[proc_macro_attribute]
pub fn sink(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::attribute(Kind::Sink, arguments.into(), item.into()).into()
}

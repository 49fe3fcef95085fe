//! The attributes of `engine-sdk`, which re-exports and documents them.
//!
//! - `function`: the user's function, as far as the attributes care, and what is refused of it
//! - `parameter`: its parameters and their defaults
//! - `returned`: its return type
//! - `settings`: what stands in the attribute: defaults, what the function needs, how its state begins
//! - `state`: what a function accumulates
//! - `types`: questions about types
//! - `expand`: the registration that is written after the function

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod expand;
mod function;
mod parameter;
mod returned;
mod settings;
mod state;
mod types;

use proc_macro::TokenStream;

use crate::function::Kind;

/// Makes a function that returns one output for each record.
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
/// All other arguments are parameters. A parameter may be left out if it has a default, as `step` here, or is an
/// `Option`:
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
/// A function declares what it needs from outside its sandbox, and the user who runs it must grant it: a folder
/// (`dir`), connections (`net`), environment variables (`env:NAME`), the time of day (`clock`), or entropy
/// (`random`).
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

/// Makes a function that keeps a record unchanged, or drops it.
///
/// Returns a `bool`, where `true` keeps the record; or a `Result` of it.
///
/// ```
/// use engine_sdk::filter;
///
/// /// Keeps lines that contain `word`.
/// #[filter]
/// fn contains(line: &str, word: &str) -> bool {
///     line.contains(word)
/// }
/// ```
#[proc_macro_attribute]
pub fn filter(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::attribute(Kind::Filter, arguments.into(), item.into()).into()
}

/// Makes a function that returns any number of outputs for each record.
///
/// Returns an iterator, or something that can become one, such as a `Vec`, an array or an `Option`; or a
/// `Result` of those.
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

/// Makes a function that keeps a state from one record to the next.
///
/// The first argument is the state, `&mut S`, and the second is the record. Returns what a map may return: a
/// value, an `Option`, or a `Result` of those.
///
/// ```
/// use engine_sdk::accumulate;
///
/// /// Counts the lines so far.
/// #[accumulate]
/// fn count(total: &mut u64, _line: &str) -> u64 {
///     *total += 1;
///     *total
/// }
///
/// let mut total = 0;
/// assert_eq!([count(&mut total, "a"), count(&mut total, "b")], [1, 2]);
/// ```
///
/// A state starts as its type's `Default`, or as the value of `start`. Parameters follow the record:
///
/// ```
/// # use engine_sdk::accumulate;
/// /// The product of the numbers so far, as long as it stays below `limit`.
/// #[accumulate(start = 1, limit = 1_000_000)]
/// fn product(product: &mut u64, x: u64, limit: u64) -> Result<u64, String> {
///     *product = product.checked_mul(x).filter(|p| *p < limit).ok_or("that is too large")?;
///     Ok(*product)
/// }
/// ```
///
/// Records come in order, one after another. If the run gives each record a key, there is a state for each key:
/// all start alike, and the function gets the state of its record's key.
///
/// If a record fails by an `Err` or a panic, its changes to the state are undone. An instance may be replaced at
/// any time, and another one continues with the state. So the state is written and read as records are (plain
/// types as text, all others as JSON by serde), and reading a written state must give the same state. JSON has
/// no infinite numbers, and the keys of its objects are texts.
#[proc_macro_attribute]
pub fn accumulate(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::attribute(Kind::Accumulate, arguments.into(), item.into()).into()
}

/// Makes a function that consumes records and returns nothing.
///
/// Returns nothing, or a `Result<(), E>`. It runs on one instance, in order, and at most once for each record
/// of a run. What it prints is the output of the run.
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

//! The functions of the plugin, as the attributes register them.

use crate::arguments::Arguments;
use crate::contract::{Batch, Outcome, Signature};
use crate::failure::Failure;

/// A function with its arguments bound.
pub type Process = Box<dyn Bound>;

/// What the host calls of a function with its arguments bound.
pub trait Bound {
    /// Processes a batch until its outputs fill the room.
    fn process(&self, input: &Batch, keys: Option<&Batch>, room: u32) -> Outcome;

    /// What the records so far have made of the state; nothing, where there is none.
    fn state(&self) -> Result<Vec<u8>, Failure> {
        Ok(Vec::new())
    }
}

impl<F: Fn(&Batch, u32) -> Outcome> Bound for F {
    fn process(&self, input: &Batch, _: Option<&Batch>, room: u32) -> Outcome {
        self(input, room)
    }
}

/// What an attribute knows of its function.
pub struct Function {
    /// The function's name.
    pub name: &'static str,
    /// Where it is written, as `src/lib.rs:12`.
    pub location: &'static str,
    /// What the host sees of it.
    pub signature: fn() -> Signature,
    /// Binds arguments, and takes a state up that was left.
    pub open: fn(&Arguments, Option<&[u8]>) -> Result<Process, String>,
}

inventory::collect!(Function);

/// All functions of the plugin, by name.
pub fn describe() -> Vec<Signature> {
    let mut signatures: Vec<_> = functions().map(|function| (function.signature)()).collect();
    signatures.sort_by(|a, b| a.name.cmp(&b.name));
    signatures
}

/// Opens the function `name`, with the `state` that it goes on with. The error names the argument that is
/// wrong, or the state.
pub fn open(name: &str, arguments: Vec<(String, String)>, state: Option<&[u8]>) -> Result<Process, String> {
    let function = find(name)?;
    let arguments = Arguments::new(arguments);
    arguments.check_names(&(function.signature)())?;
    (function.open)(&arguments, state)
}

fn find(name: &str) -> Result<&'static Function, String> {
    let mut named = functions().filter(|function| function.name == name);
    match (named.next(), named.next()) {
        (Some(function), None) => Ok(function),
        (Some(one), Some(other)) => Err(format!(
            "two functions are named `{name}`, at {} and at {}: rename one",
            one.location, other.location
        )),
        (None, _) => {
            let names = describe().into_iter().map(|signature| signature.name);
            Err(format!("no function `{name}`; there is {}", list(names)))
        }
    }
}

fn functions() -> impl Iterator<Item = &'static Function> {
    inventory::iter::<Function>.into_iter()
}

/// `a, b, c`, or `none`.
pub(crate) fn list(names: impl Iterator<Item = String>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

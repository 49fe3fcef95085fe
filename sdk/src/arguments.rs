//! The arguments that a function is opened with.

use crate::contract::Signature;
use crate::failure::Failure;
use crate::registry::list;

/// Arguments by name, as text.
pub struct Arguments(Vec<(String, String)>);

impl Arguments {
    pub(crate) fn new(arguments: Vec<(String, String)>) -> Self {
        Self(arguments)
    }

    /// Refuses arguments that the function has no parameter for.
    pub(crate) fn check_names(&self, signature: &Signature) -> Result<(), String> {
        let known = |name: &str| signature.parameters.iter().any(|known| known.name == name);
        let Some((name, _)) = self.0.iter().find(|(name, _)| !known(name)) else {
            return Ok(());
        };
        let function = &signature.name;
        let names = signature.parameters.iter().map(|parameter| parameter.name.clone());
        Err(format!("`{function}` has no parameter `{name}`; it has {}", list(names)))
    }

    /// The argument `name`, read by `decode`; none if it was not given.
    pub fn optional<'r, T>(
        &'r self,
        name: &str,
        decode: impl FnOnce(&'r [u8]) -> Result<T, Failure>,
    ) -> Result<Option<T>, String> {
        let Some((_, text)) = self.0.iter().find(|(given, _)| given == name) else {
            return Ok(None);
        };
        match decode(text.as_bytes()) {
            Ok(value) => Ok(Some(value)),
            Err(failure) => Err(format!("argument `{name}`: {failure}")),
        }
    }

    /// The argument `name`, read by `decode`; an error if it was not given.
    pub fn required<'r, T>(
        &'r self,
        name: &str,
        decode: impl FnOnce(&'r [u8]) -> Result<T, Failure>,
    ) -> Result<T, String> {
        self.optional(name, decode)?.ok_or_else(|| format!("argument `{name}` is missing"))
    }
}

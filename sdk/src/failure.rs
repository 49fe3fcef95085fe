//! Why a record failed, and how an error becomes such a reason.

use std::error::Error;
use std::fmt::{self, Debug, Display};

use crate::codec::Tag;
use crate::contract;

/// Why one record failed, as data: the run goes on, and the record is reported or tried again.
///
/// A function may return any error that can be displayed. This type is for those that mix errors,
/// since `?` turns every [`Error`] into it, and for those that may succeed when tried again:
///
/// ```
/// use engine_sdk::{Failure, map};
///
/// #[map]
/// fn first_byte(path: &str) -> Result<u8, Failure> {
///     let bytes = std::fs::read(path).map_err(Failure::retry)?;
///     bytes.first().copied().ok_or_else(|| Failure::new("the file is empty"))
/// }
///
/// assert!(first_byte("/no/such/file").unwrap_err().is_retryable());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Failure {
    message: String,
    retryable: bool,
    /// The record could not be read, so that the function was not called.
    unread: bool,
}

impl Failure {
    /// The record fails, and would fail again.
    pub fn new(reason: impl Display) -> Self {
        Self::from_message(format!("{reason:#}"))
    }

    /// The record fails now, and may succeed later: a connection was refused, a file was locked.
    pub fn retry(reason: impl Display) -> Self {
        Self { retryable: true, ..Self::new(reason) }
    }

    /// Whether the same record may succeed later.
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }

    pub(crate) fn from_message(message: String) -> Self {
        Self { message, retryable: false, unread: false }
    }

    pub(crate) fn unread(message: String) -> Self {
        Self { unread: true, ..Self::from_message(message) }
    }

    pub(crate) fn is_unread(&self) -> bool {
        self.unread
    }

    pub(crate) fn at(self, index: u32) -> contract::Failure {
        contract::Failure { index, message: self.message, retryable: self.retryable }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let retryable = if self.retryable { " (retryable)" } else { "" };
        write!(f, "{}{retryable}", self.message)
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::from_message(chain(&error))
    }
}

/// An error's text, then those of its sources which it does not repeat itself.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    text
}

/// First choice for `(&Tag::of(&error)).reason()`: the error converts, with its sources.
pub trait ChooseInto {
    /// How to read the error.
    fn reason(&self) -> IntoFailure {
        IntoFailure
    }
}

impl<E: Into<Failure>> ChooseInto for Tag<E> {}

/// Second choice: the error has a text, if anything.
pub trait ChooseDisplay {
    /// How to read the error.
    fn reason(&self) -> Text {
        Text
    }
}

impl<E> ChooseDisplay for &Tag<E> {}

/// Converts the error.
pub struct IntoFailure;

impl IntoFailure {
    /// The failure of the record.
    pub fn failure(self, error: impl Into<Failure>) -> Failure {
        error.into()
    }
}

/// Takes the error's text.
pub struct Text;

impl Text {
    /// The failure of the record. The alternate form is where `anyhow` shows its sources.
    pub fn failure(self, error: impl Display) -> Failure {
        Failure::new(error)
    }
}

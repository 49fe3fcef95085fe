//! The trait of sinks: users' own, and most of ours.

use crate::Error;
use crate::fault::Cause;
use crate::text::PlainText;

/// What takes the elements at the end of a stream: the one trait for sinks of one's own.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
/// use engine::sinks::{self, Consumer, Refusal};
/// use engine::{Error, FaultPolicy, Source};
///
/// /// Takes positive numbers, and says their sum.
/// struct Sum(i64);
///
/// impl Consumer<i64> for Sum {
///     async fn take(&mut self, x: i64) -> Result<(), Refusal> {
///         if x < 0 {
///             return Err(Refusal::fault("it is negative"));
///         }
///         self.0 += x;
///         Ok(())
///     }
///
///     async fn end(&mut self) -> Result<(), Error> {
///         println!("{}", self.0);
///         Ok(())
///     }
/// }
///
/// let source = Source::new();
/// source.stream().sink(sinks::consumer(Sum(0)).on_fault(&FaultPolicy::skip()));
/// for x in [1, -2, 3] {
///     source.emit(x).await?;
/// }
/// source.close().await?; // it prints 4
/// assert_eq!(source.progress().counts().faults, 1);
/// # Ok(()) }
/// ```
///
/// One that writes bytes is quicker as a `Consumer<Records>` (see [`Records`](crate::sinks::Records)), which
/// [`records`](crate::sinks::records) attaches.
///
/// Calls never overlap. One that is given up midway, as its [`emit`](crate::Source::emit) was, is the last:
/// what it did is not known.
pub trait Consumer<T>: Send + 'static {
    /// Takes an element. The source waits for it.
    ///
    /// # Errors
    ///
    /// Why it is not taken: its own fault, or the end of the run.
    fn take(&mut self, element: T) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Nothing more is at hand for now: passes on what is held back only to be faster.
    ///
    /// # Errors
    ///
    /// Why that is not possible, which ends the run.
    fn pause(&mut self) -> impl Future<Output = Result<(), Error>> + Send {
        async { Ok(()) }
    }

    /// There will be no more: writes out all that was taken, and closes. Not called after an error of its own
    /// that ended the run.
    ///
    /// # Errors
    ///
    /// Why that is not possible.
    fn end(&mut self) -> impl Future<Output = Result<(), Error>> + Send {
        async { Ok(()) }
    }

    /// What it is called in faults.
    fn name(&self) -> &str {
        let name = std::any::type_name::<Self>();
        let name = name.split('<').next().unwrap_or(name);
        name.rsplit("::").next().unwrap_or(name)
    }
}

/// Why a [`Consumer`] does not take what it was given.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// A record is at fault, with which is done what the policy says.
    Fault {
        /// Its place among the records given, all before which were taken; 0 for a single element.
        index: usize,
        /// Why.
        message: String,
        /// Whether another try may succeed.
        retryable: bool,
    },
    /// The run is at its end.
    Run(Error),
}

impl Refusal {
    /// The record is at fault, and would be again.
    pub fn fault(message: impl Into<String>) -> Self {
        Self::Fault { index: 0, message: message.into(), retryable: false }
    }

    /// The record was not taken, and another try may succeed.
    pub fn retryable(message: impl Into<String>) -> Self {
        Self::Fault { index: 0, message: message.into(), retryable: true }
    }

    /// The same of the record at `place` among those given.
    #[must_use]
    pub fn at(mut self, place: usize) -> Self {
        if let Self::Fault { index, .. } = &mut self {
            *index = place;
        }
        self
    }

    /// The place of the record that is at fault, and why it is; or the error that ends the run.
    pub(crate) fn into_cause(self) -> Result<(usize, Cause), Error> {
        match self {
            Self::Fault { index, message, retryable } => {
                Ok((index, Cause::Failed { message: PlainText::short(message), retryable }))
            }
            Self::Run(error) => Err(error),
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Run(error)
    }
}

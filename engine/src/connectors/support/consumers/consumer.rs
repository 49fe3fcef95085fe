//! The trait of sinks: users' own, and most connectors'.

use crate::Error;
use crate::fault::Cause;
use crate::progress::OutputState;
use crate::text::PlainText;

/// Takes the elements at the end of a stream. Implement this to write your own sink.
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
/// A sink that writes bytes is faster as a `Consumer<Records>` (see [`Records`](crate::sinks::Records)), which
/// [`records`](crate::sinks::records) attaches.
///
/// Calls never overlap. If a call is cancelled, as when its [`emit`](crate::Source::emit) is dropped, no other follows,
/// since what it has done is not known.
pub trait Consumer<T>: Send + 'static {
    /// Takes an element. The source waits until this returns, and the element then counts as delivered.
    ///
    /// # Errors
    ///
    /// Why it is not taken: a fault of the element, or an error that ends the run.
    fn take(&mut self, element: T) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Writes what is buffered, since no more elements are ready for now.
    ///
    /// # Errors
    ///
    /// Why that failed, which ends the run.
    fn pause(&mut self) -> impl Future<Output = Result<(), Error>> + Send {
        async { Ok(()) }
    }

    /// Writes everything that was taken, and closes, since there are no more elements. Not called after this consumer
    /// returned an error that ended the run.
    ///
    /// # Errors
    ///
    /// Why that failed.
    fn end(&mut self) -> impl Future<Output = Result<(), Error>> + Send {
        async { Ok(()) }
    }

    /// How many of the elements that were taken are still buffered. They count as delivered, unless the run fails
    /// before they are written. None by default.
    fn unwritten(&mut self) -> usize {
        0
    }

    /// Says which file it writes and how long that is, for a
    /// [checkpoint](crate::checkpoint::ResumableRun). Everything that was taken is in the file then. Without a file, which is the
    /// default, some elements come again after a restart.
    ///
    /// # Errors
    ///
    /// Why that failed, which ends the run.
    fn note_output(&mut self) -> impl Future<Output = Result<Option<OutputState>, Error>> + Send {
        async { Ok(None) }
    }

    /// Goes on with the file of an earlier run: cuts off what was written after the checkpoint. Called before the first
    /// element.
    ///
    /// # Errors
    ///
    /// Why it can't, which ends the run.
    fn resume_output(&mut self, output: OutputState) -> impl Future<Output = Result<(), Error>> + Send {
        let _ = output;
        async { Ok(()) }
    }

    /// The sink's name in faults. The type's name by default.
    fn name(&self) -> &str {
        let name = std::any::type_name::<Self>();
        let name = name.split('<').next().unwrap_or(name);
        name.rsplit("::").next().unwrap_or(name)
    }
}

/// Why a [`Consumer`] has not taken an element.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// A record is a fault, and the policy decides what happens to it.
    Fault {
        /// Its index among the records of the call, of which all before it were taken; 0 for a single element.
        index: usize,
        /// Why.
        message: String,
        /// Whether another attempt may succeed.
        retryable: bool,
    },
    /// An error that ends the run.
    Run(Error),
}

impl Refusal {
    /// A fault of the record that would happen again.
    pub fn fault(message: impl Into<String>) -> Self {
        Self::Fault { index: 0, message: message.into(), retryable: false }
    }

    /// A fault of the record; another attempt may succeed.
    pub fn retryable(message: impl Into<String>) -> Self {
        Self::Fault { index: 0, message: message.into(), retryable: true }
    }

    /// Sets the index of the record among those of the call. Does nothing to an error of the run.
    #[must_use]
    pub fn at(mut self, place: usize) -> Self {
        if let Self::Fault { index, .. } = &mut self {
            *index = place;
        }
        self
    }

    /// The index of the record and the cause of its fault; or the error that ends the run.
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

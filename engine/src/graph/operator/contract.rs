//! The trait of operators: users' own, and most of ours.

use std::collections::VecDeque;

use tokio::time::Instant;

use crate::progress::Keeps;

/// What a node does with each element: the trait for your own operators.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
/// use engine::operators::{Keeps, Operator, Outputs};
/// use engine::{Source, sinks};
///
/// /// Each element with the one before it.
/// #[derive(Default)]
/// struct Pairs(Option<i64>);
///
/// impl Operator<i64> for Pairs {
///     type Output = (i64, i64);
///
///     fn take(&mut self, x: i64, outputs: &mut Outputs<(i64, i64)>) -> Result<(), String> {
///         if let Some(before) = self.0.replace(x) {
///             outputs.give((before, x));
///         }
///         Ok(())
///     }
///
///     fn keeps(&mut self) -> Keeps<'_> {
///         Keeps::Unsaved("the element before is not saved") // see `Save` for how it would be
///     }
/// }
///
/// let source = Source::new();
/// let (sink, pairs) = sinks::list();
/// source.stream().through(Pairs::default()).sink(sink);
/// for x in [1, 4, 9] {
///     source.emit(x).await?;
/// }
/// source.close().await?;
/// assert_eq!(pairs.take(), [(1, 4), (4, 9)]);
/// # Ok(()) }
/// ```
pub trait Operator<T>: Send + 'static {
    /// What it gives.
    type Output: Clone + Send + 'static;

    /// Takes an element, and gives any number of outputs.
    ///
    /// # Errors
    ///
    /// A sentence that says why not: the element is then a fault, and what was given for it is dropped.
    /// It ends the run, unless a [policy](crate::Stream::through_with) says otherwise.
    fn take(&mut self, element: T, outputs: &mut Outputs<Self::Output>) -> Result<(), String>;

    /// Says what it keeps from one element to the next, for [checkpoints](crate::checkpoint::ResumableRun).
    fn keeps(&mut self) -> Keeps<'_>;

    /// The stream has ended: gives what was held back.
    fn end(&mut self, outputs: &mut Outputs<Self::Output>) {
        let _ = outputs;
    }

    /// When it wants to be [woken](Self::wake) though no element came; asked after each call.
    fn alarm(&self) -> Option<Instant> {
        None
    }

    /// The time of its [alarm](Self::alarm) has come.
    fn wake(&mut self, outputs: &mut Outputs<Self::Output>) {
        let _ = outputs;
    }

    /// Whether it has taken elements that no output shows yet: they are not done.
    fn holds_back(&self) -> bool {
        false
    }

    /// What it is called in faults.
    fn name(&self) -> &str {
        let name = std::any::type_name::<Self>();
        let name = name.split('<').next().unwrap_or(name);
        name.rsplit("::").next().unwrap_or(name)
    }
}

/// What an operator gives, in its order.
#[derive(Debug)]
pub struct Outputs<U> {
    pub(super) given: VecDeque<(u64, U)>,
    /// Of the element that they come from.
    pub(super) number: u64,
}

impl<U> Outputs<U> {
    pub(super) const fn new() -> Self {
        Self { given: VecDeque::new(), number: 0 }
    }

    /// Gives an output.
    pub fn give(&mut self, output: U) {
        self.given.push_back((self.number, output));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.given.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.given.len()
    }

    pub(super) fn next(&mut self) -> Option<(u64, U)> {
        self.given.pop_front()
    }
}

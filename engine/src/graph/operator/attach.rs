//! Puts operators into a graph.

use std::sync::{Arc, OnceLock, Weak};

use tokio::sync::Mutex;

use super::contract::{Operator, Outputs};
use super::node::{Operation, OperatorNode, Shared};
use crate::graph::Stream;
use crate::{FaultPolicy, Record};

impl<T: Clone + Send + 'static> Stream<T> {
    /// Elements through an [`Operator`]: one of the caller's own.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// # use engine::operators::{Keeps, Operator, Outputs};
    /// # use engine::{Source, sinks};
    /// /// How many elements there were, at the end.
    /// struct Count(u64);
    ///
    /// impl Operator<&'static str> for Count {
    ///     type Output = u64;
    ///
    ///     fn take(&mut self, _: &'static str, _: &mut Outputs<u64>) -> Result<(), String> {
    ///         self.0 += 1;
    ///         Ok(())
    ///     }
    ///
    ///     fn keeps(&mut self) -> Keeps<'_> {
    ///         Keeps::Unsaved("the number is not saved")
    ///     }
    ///
    ///     fn end(&mut self, outputs: &mut Outputs<u64>) {
    ///         outputs.give(self.0);
    ///     }
    /// }
    ///
    /// # let source = Source::new();
    /// # let (sink, counts) = sinks::list();
    /// source.stream().through(Count(0)).sink(sink);
    /// source.emit("one").await?;
    /// source.emit("other").await?;
    /// source.close().await?;
    /// assert_eq!(counts.take(), [2]);
    /// # Ok(()) }
    /// ```
    pub fn through<O: Operator<T>>(self, operator: O) -> Stream<O::Output> {
        self.through_node(operator, None).0
    }

    /// The same, with a policy for the elements that it refuses.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::operators::{Keeps, Operator, Outputs};
    /// use engine::FaultPolicy;
    ///
    /// struct Parse;
    ///
    /// impl Operator<String> for Parse {
    ///     type Output = i64;
    ///
    ///     fn take(&mut self, line: String, outputs: &mut Outputs<i64>) -> Result<(), String> {
    ///         outputs.give(line.parse().map_err(|_| format!("{line:?} is no number"))?);
    ///         Ok(())
    ///     }
    ///
    ///     fn keeps(&mut self) -> Keeps<'_> {
    ///         Keeps::Nothing
    ///     }
    /// }
    ///
    /// let (source, skip) = (engine::Source::new(), FaultPolicy::skip());
    /// source.stream().through_with(Parse, &skip).sink(|x: i64| assert_eq!(x, 1));
    /// source.emit("one".to_owned()).await?;
    /// source.emit("1".to_owned()).await?;
    /// source.close().await?;
    /// assert_eq!(source.progress().counts().faults, 1);
    /// # Ok(()) }
    /// ```
    pub fn through_with<O: Operator<T>>(self, operator: O, policy: &FaultPolicy) -> Stream<O::Output>
    where
        T: Record,
    {
        self.through_node(operator, Some(Guard { policy: policy.clone(), encode: encoded::<T>, name: None }))
            .0
    }

    /// The same, and a handle to the node.
    pub(crate) fn through_node<O: Operator<T>>(
        self,
        operator: O,
        guard: Option<Guard<T>>,
    ) -> (Stream<O::Output>, Weak<Shared<T, O>>) {
        let context = self.context.clone();
        let outputs = Outputs::new();
        let kind = snake(operator.name());
        let state = Operation { operator, outputs, guard, last: 0, failed: None, closed: false };
        let (tracked, alarm) = (OnceLock::new(), OnceLock::new());
        let mut node = Weak::new();
        let stream = self.attach(&kind, |outlet| {
            let shared = Arc::new(Shared { state: Mutex::new(state), outlet, context, tracked, alarm });
            node = Arc::downgrade(&shared);
            OperatorNode(shared)
        });
        (stream, node)
    }
}

/// A policy, and how to put an element aside.
pub(crate) struct Guard<T> {
    pub(crate) policy: FaultPolicy,
    pub(crate) encode: fn(&T) -> Arc<[u8]>,
    /// What the node is called in faults, if not as its operator.
    pub(crate) name: Option<Arc<str>>,
}

fn encoded<T: Record>(element: &T) -> Arc<[u8]> {
    let mut record = Vec::new();
    element.encode(&mut record);
    record.into()
}

/// A type's name as methods are named.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

//! Operators that are written as a state and what an element does to it: users' own, and most of ours.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock, Weak};

use tokio::sync::{Mutex, MutexGuard, Notify};
use tokio::time::Instant;

use super::{Handling, Items, Node, Outlet, Stream};
use crate::fault::{Cause, Fault};
use crate::policy::Faults;
use crate::progress::GraphContext;
use crate::progress::WaitGraph;
use crate::text::PlainText;
use crate::{Error, FaultPolicy, Record};

/// What a node does with each element: the one trait for operators of one's own.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
/// use engine::{Operator, Outputs, Source, sinks};
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
    /// It ends the run, unless a [policy](Stream::through_with) says otherwise.
    fn take(&mut self, element: T, outputs: &mut Outputs<Self::Output>) -> Result<(), String>;

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

impl<T: Clone + Send + 'static> Stream<T> {
    /// Elements through an [`Operator`]: one of the caller's own.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// # use engine::{Operator, Outputs, Source, sinks};
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
    /// use engine::{FaultPolicy, Operator, Outputs};
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
    /// }
    ///
    /// let (source, skip) = (engine::Source::new(), FaultPolicy::skip());
    /// source.stream().through_with(Parse, &skip).sink(|x: i64| assert_eq!(x, 1));
    /// source.emit("one".to_owned()).await?;
    /// source.emit("1".to_owned()).await?;
    /// source.close().await?;
    /// assert_eq!(source.counts().faults, 1);
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
        let state = State { operator, outputs, guard, last: 0, failed: None, closed: false };
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

/// The node behind an operator.
struct OperatorNode<T, O: Operator<T>>(Arc<Shared<T, O>>);

pub(crate) struct Shared<T, O: Operator<T>> {
    state: Mutex<State<T, O>>,
    outlet: Outlet<O::Output>,
    context: Arc<GraphContext>,
    /// Its place among those that say how far elements are done, once it has held one back.
    tracked: OnceLock<usize>,
    /// Tells the task that waits for alarms of a new one, once there was any.
    alarm: OnceLock<Arc<Notify>>,
}

struct State<T, O: Operator<T>> {
    operator: O,
    /// What was given and not passed on yet: who is given up midway leaves it to the next.
    outputs: Outputs<O::Output>,
    /// The number of the last element that was taken.
    last: u64,
    /// What failed while no element was on its way.
    failed: Option<Error>,
    closed: bool,
    /// What becomes of elements that it refuses; they end the run, if not said.
    guard: Option<Guard<T>>,
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

impl<T, O: Operator<T>> State<T, O> {
    fn take(&mut self, number: u64, element: T, context: &GraphContext) -> Result<(), Error> {
        self.last = number;
        self.outputs.number = number;
        let guard = self.guard.as_ref();
        let record = guard.filter(|guard| guard.policy.keeps_records()).map(|guard| (guard.encode)(&element));
        let given = self.outputs.len();
        let Err(message) = self.operator.take(element, &mut self.outputs) else { return Ok(()) };
        self.outputs.given.truncate(given);
        let cause = Cause::Failed { message: PlainText::short(message), retryable: false };
        let name = guard.and_then(|guard| guard.name.as_deref()).unwrap_or(self.operator.name());
        let fault = Fault { record: number, function: name.into(), cause };
        match guard {
            Some(guard) => guard.policy.settle(fault, || record.unwrap_or_default(), 1, context),
            None => {
                context.fault(&fault, None);
                Err(Error::Fault(fault))
            }
        }
    }
}

impl<T: Send + 'static, O: Operator<T>> Shared<T, O> {
    /// Takes a single element. Most operators are done with it at once.
    fn take_one(self: &Arc<Self>, number: u64, element: T) -> Handling<'_> {
        let Ok(mut state) = self.state.try_lock() else {
            return Handling::going(self.take_all(Items::One(number, element)));
        };
        if state.failed.is_some() || !state.outputs.is_empty() {
            return Handling::going(self.go_on(state, Some((number, element))));
        }
        if let Err(error) = state.take(number, element, &self.context) {
            return Handling::Done(Err(error));
        }
        let waits = state.operator.alarm().is_some() || self.alarm.get().is_some();
        let holds = state.operator.holds_back() || self.tracked.get().is_some();
        if waits || holds || state.outputs.len() > 1 {
            return Handling::going(self.go_on(state, None));
        }
        match state.outputs.next() {
            // Calls do not overlap, unless it waits for alarms.
            Some((number, output)) => self.outlet.send(Items::One(number, output)),
            None => Handling::Done(Ok(())),
        }
    }

    async fn take_all(self: &Arc<Self>, items: Items<T>) -> Result<(), Error> {
        for item in items {
            let state = self.lock().await;
            self.go_on(state, Some(item?)).await?;
        }
        Ok(())
    }

    /// Passes on what is there, takes an element if there is one, and passes on what came of it.
    async fn go_on(
        self: &Arc<Self>,
        mut state: MutexGuard<'_, State<T, O>>,
        element: Option<(u64, T)>,
    ) -> Result<(), Error> {
        if let Some(error) = &state.failed {
            return Err(error.clone());
        }
        self.pass_on(&mut state).await?;
        if let Some((number, element)) = element {
            state.take(number, element, &self.context)?;
            self.pass_on(&mut state).await?;
        }
        self.settle(&state);
        Ok(())
    }

    async fn pass_on(&self, state: &mut State<T, O>) -> Result<(), Error> {
        while let Some((number, output)) = state.outputs.next() {
            self.outlet.send(Items::One(number, output)).await?;
        }
        Ok(())
    }

    /// Says how far elements are done, and sees to the next alarm.
    fn settle(self: &Arc<Self>, state: &State<T, O>) {
        let holds = state.operator.holds_back();
        if holds || self.tracked.get().is_some() {
            let place = *self.tracked.get_or_init(|| self.context.track(true));
            match holds {
                true => self.context.take(place, state.last, state.last),
                false => self.context.reach(place, state.last),
            }
        }
        if state.operator.alarm().is_some() {
            let start = || {
                let changed = Arc::new(Notify::new());
                let waits = self.context.waits.clone();
                tokio::spawn(wait_for_alarms(Arc::downgrade(self), changed.clone(), waits));
                changed
            };
            self.alarm.get_or_init(start).notify_one();
        }
    }

    /// The state, once nobody else has it: who has it may be the one who moves next.
    async fn lock(&self) -> MutexGuard<'_, State<T, O>> {
        match self.state.try_lock() {
            Ok(state) => state,
            Err(_) => {
                let _waiting = self.context.waits.wait();
                self.state.lock().await
            }
        }
    }

    /// Wakes the operator if its time has come. Returns when that will be the next time.
    async fn wake(self: &Arc<Self>) -> Result<Option<Instant>, Error> {
        let mut state = self.lock().await;
        if state.closed {
            return Err(Error::Closed);
        }
        if state.operator.alarm().is_some_and(|alarm| alarm <= Instant::now()) {
            self.act(&mut state, O::wake).await?;
        }
        Ok(state.operator.alarm())
    }

    /// Lets the operator give something though no element came.
    pub(super) async fn prompt(
        self: &Arc<Self>,
        act: impl FnOnce(&mut O, &mut Outputs<O::Output>),
    ) -> Result<(), Error> {
        let mut state = self.lock().await;
        if state.closed { Err(Error::Closed) } else { self.act(&mut state, act).await }
    }

    async fn act(
        self: &Arc<Self>,
        state: &mut State<T, O>,
        act: impl FnOnce(&mut O, &mut Outputs<O::Output>),
    ) -> Result<(), Error> {
        if let Some(error) = &state.failed {
            return Err(error.clone());
        }
        let State { operator, outputs, last, .. } = &mut *state;
        outputs.number = *last;
        act(operator, outputs);
        let mut passed = self.pass_on(state).await;
        if passed.is_ok() {
            passed = self.outlet.pause().await;
        }
        match &passed {
            Ok(()) => self.settle(state),
            Err(error) => {
                self.context.fail(error.clone());
                state.failed = Some(error.clone());
            }
        }
        passed
    }

    async fn close(self: &Arc<Self>) -> Result<(), Error> {
        let mut state = self.lock().await;
        let mut result = state.failed.clone().map_or(Ok(()), Err);
        if result.is_ok() && !state.closed {
            state.closed = true;
            let State { operator, outputs, last, .. } = &mut *state;
            outputs.number = *last;
            operator.end(outputs);
        }
        if result.is_ok() {
            result = self.pass_on(&mut state).await;
        }
        // What is behind must get to its end too.
        let closed = self.outlet.close().await.and(result);
        if let Some(place) = self.tracked.get().filter(|_| closed.is_ok()) {
            self.context.reach(*place, state.last);
        }
        closed
    }
}

/// Wakes an operator each time that its alarm says, until its node is gone.
async fn wait_for_alarms<T: Send + 'static, O: Operator<T>>(
    node: Weak<Shared<T, O>>,
    changed: Arc<Notify>,
    waits: Arc<WaitGraph>,
) {
    loop {
        let acting = waits.begin();
        let Some(shared) = node.upgrade() else { return };
        let Ok(next) = shared.wake().await else { return };
        drop(shared);
        match next {
            Some(next) => tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                () = changed.notified() => {}
            },
            None => {
                drop(acting);
                changed.notified().await;
            }
        }
    }
}

impl<T: Clone + Send + 'static, O: Operator<T>> Node<T> for OperatorNode<T, O> {
    fn accept(&self, items: Items<T>) -> Handling<'_> {
        match items {
            Items::One(number, element) => self.0.take_one(number, element),
            items => Handling::going(self.0.take_all(items)),
        }
    }

    fn pause(&self) -> Handling<'_> {
        self.0.outlet.pause()
    }

    fn close(&self) -> Handling<'_> {
        Handling::going(self.0.close())
    }
}

impl<T, O: Operator<T>> Drop for OperatorNode<T, O> {
    fn drop(&mut self) {
        // The task sees that the node is gone.
        if let Some(changed) = self.0.alarm.get() {
            changed.notify_one();
        }
    }
}

/// What an operator gives, in its order.
#[derive(Debug)]
pub struct Outputs<U> {
    given: VecDeque<(u64, U)>,
    /// Of the element that they come from.
    number: u64,
}

impl<U> Outputs<U> {
    const fn new() -> Self {
        Self { given: VecDeque::new(), number: 0 }
    }

    /// Gives an output.
    pub fn give(&mut self, output: U) {
        self.given.push_back((self.number, output));
    }

    fn is_empty(&self) -> bool {
        self.given.is_empty()
    }

    fn len(&self) -> usize {
        self.given.len()
    }

    fn next(&mut self) -> Option<(u64, U)> {
        self.given.pop_front()
    }
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

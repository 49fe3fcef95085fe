//! The node of an operator.

use std::sync::{Arc, OnceLock, Weak};

use tokio::sync::{Mutex, MutexGuard, Notify};
use tokio::time::Instant;

use super::attach::Guard;
use super::contract::{Operator, Outputs};
use crate::Error;
use crate::fault::{Cause, Fault};
use crate::graph::{Handling, Items, Node, Outlet};
use crate::progress::GraphContext;
use crate::progress::Holding;
use crate::progress::WaitGraph;
use crate::text::PlainText;

/// The node of an operator.
pub(super) struct OperatorNode<T, O: Operator<T>>(pub(super) Arc<Shared<T, O>>);

pub(crate) struct Shared<T, O: Operator<T>> {
    pub(super) state: Mutex<Operation<T, O>>,
    pub(super) outlet: Outlet<O::Output>,
    pub(super) context: Arc<GraphContext>,
    /// Its place among those that say how far elements are done, once it has held one back.
    pub(super) tracked: OnceLock<usize>,
    /// Tells the task that waits for alarms of a new one, once there was any.
    pub(super) alarm: OnceLock<Arc<Notify>>,
}

/// An operator at work.
pub(super) struct Operation<T, O: Operator<T>> {
    pub(super) operator: O,
    /// What was given and not passed on yet: a call that is given up midway leaves it to the next.
    pub(super) outputs: Outputs<O::Output>,
    /// The number of the last element that was taken.
    pub(super) last: u64,
    /// What failed while no element was on its way.
    pub(super) failed: Option<Error>,
    pub(super) closed: bool,
    /// What becomes of elements that it refuses; they end the run by default.
    pub(super) guard: Option<Guard<T>>,
}

impl<T, O: Operator<T>> Operation<T, O> {
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
        let fault = Fault::new(number, name, cause);
        match guard {
            Some(guard) => context.handle_fault(&guard.policy, fault, || record.unwrap_or_default(), 1),
            None => {
                context.report_fault(&fault, None, None);
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
        mut state: MutexGuard<'_, Operation<T, O>>,
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
        self.note_progress(&state);
        Ok(())
    }

    pub(super) async fn pass_on(&self, state: &mut Operation<T, O>) -> Result<(), Error> {
        while let Some((number, output)) = state.outputs.next() {
            self.outlet.send(Items::One(number, output)).await?;
        }
        Ok(())
    }

    /// Says how far elements are done, and sees to the next alarm.
    pub(super) fn note_progress(self: &Arc<Self>, state: &Operation<T, O>) {
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

    /// The state, once no other task has it: the task that has it may be the one that moves next.
    pub(super) async fn lock(&self) -> MutexGuard<'_, Operation<T, O>> {
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
        let _act = self.context.holdings.act().await;
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
    pub(in crate::graph) async fn prompt(
        self: &Arc<Self>,
        act: impl FnOnce(&mut O, &mut Outputs<O::Output>),
    ) -> Result<(), Error> {
        let mut state = self.lock().await;
        if state.closed { Err(Error::Closed) } else { self.act(&mut state, act).await }
    }

    async fn act(
        self: &Arc<Self>,
        state: &mut Operation<T, O>,
        act: impl FnOnce(&mut O, &mut Outputs<O::Output>),
    ) -> Result<(), Error> {
        if let Some(error) = &state.failed {
            return Err(error.clone());
        }
        let Operation { operator, outputs, last, .. } = &mut *state;
        outputs.number = *last;
        act(operator, outputs);
        let mut passed = self.pass_on(state).await;
        if passed.is_ok() {
            passed = self.outlet.pause().await;
        }
        match &passed {
            Ok(()) => self.note_progress(state),
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
            let Operation { operator, outputs, last, .. } = &mut *state;
            outputs.number = *last;
            operator.end(outputs);
        }
        if result.is_ok() {
            result = self.pass_on(&mut state).await;
        }
        // The next nodes must end too.
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

    fn holding(&self) -> Holding {
        self.0.holding()
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

//! A plugin's function that accumulates, on a stream: records in order, in batches as they come.
//!
//! Its instance and its state are the pool's `Accumulation`. Here is which records it is given, how the one
//! is found that a call failed for, and what becomes of faults.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Mutex;

use super::function::SHOWN_WITHIN;
use super::key::{WriteKey, keys_of};
use crate::fault::{Cause, Fault};
use crate::plugin::{Core, Failure, Kind, Outcome};
use crate::pool::{Accumulation, CallError, PoolShared, fitting, isolate};
use crate::record::{Batch, Record};
use crate::stream::scattered::mistake;
use crate::stream::{Counters, Handling, Items, Node, Outlet, Stream};
use crate::{Error, Function};

pub(crate) struct AccumulateNode<U> {
    core: Arc<Core>,
    pool: Arc<PoolShared>,
    name: Arc<str>,
    counters: Arc<Counters>,
    mistake: Option<Error>,
    /// Its place among those of the graph that accumulate.
    place: usize,
    state: Mutex<State>,
    outlet: Outlet<U>,
}

struct State {
    accumulation: Accumulation,
    key: Option<WriteKey>,
    /// The number of the last record that came.
    last: u64,
    /// When outputs were last passed on for certain.
    shown: Instant,
}

/// Which of the next records are given together.
#[derive(Default)]
struct Plan {
    /// Parts of a batch that a call failed for, the next one last: so many records each, and whether they
    /// are given one by one.
    parts: Vec<(usize, bool)>,
    /// How often the first record was tried.
    tried: u32,
}

impl<U: Record> AccumulateNode<U> {
    /// Puts `function` behind `stream`, with a state for each key if `key` tells them.
    pub(crate) fn attach<T: Record>(
        stream: Stream<T>,
        function: &Function<T, U>,
        key: Option<WriteKey>,
    ) -> Stream<U> {
        let (core, pool) = (function.core().clone(), function.shared_pool().clone());
        let (name, counters) = (core.name().into(), stream.counters.clone());
        let place = counters.snapshots.join();
        let accumulation = Accumulation::new(core.clone(), pool.clone(), counters.snapshots.state(place));
        let state = Mutex::new(State { accumulation, key, last: 0, shown: Instant::now() });
        let mistake = mistake(&core, Some(Kind::Accumulate));
        stream.attach(|outlet| Self { core, pool, name, counters, mistake, place, state, outlet })
    }

    async fn take(&self, mut batch: Batch) -> Result<(), Error> {
        if let Some(mistake) = &self.mistake {
            return Err(mistake.clone());
        }
        if self.core.policy().keeps_records() {
            batch.keep_as_origin();
        }
        let mut state = self.state.lock().await;
        let mut plan = Plan::default();
        while !batch.is_empty() {
            let most = self.look(&mut state, &batch).await?;
            let done = self.give(&mut state, &mut plan, &batch, most).await?;
            state.last = if done > 0 { batch.number(done - 1) } else { state.last };
            batch = batch.split_off(done);
            plan.advance(done);
            // A slow function's results are not held back until those behind them are there.
            if !batch.is_empty() && state.shown.elapsed() > SHOWN_WITHIN {
                self.outlet.pause().await?;
                state.shown = Instant::now();
            }
        }
        Ok(())
    }

    /// Takes the state out if somebody wants it who wants those of others too. Returns how many of the next
    /// records may be given together before that.
    async fn look(&self, state: &mut State, batch: &Batch) -> Result<usize, Error> {
        let snapshots = &self.counters.snapshots;
        let Some(at) = snapshots.cut(self.place, state.last, batch.number(0)) else { return Ok(batch.len()) };
        let before = batch.iter().take_while(|(number, _)| *number <= at).count();
        if before == 0 {
            snapshots.put(self.place, state.accumulation.state().await?);
            return Ok(batch.len());
        }
        Ok(before)
    }

    /// Gives the function some of the first records, so many at most. Returns how many are done.
    async fn give(
        &self,
        state: &mut State,
        plan: &mut Plan,
        batch: &Batch,
        most: usize,
    ) -> Result<usize, Error> {
        let (part, alone) = plan.parts.last().copied().unwrap_or((most, false));
        let mut records = batch.clone();
        records.truncate(fitting(&self.core, batch, alone).min(part).min(most));
        let mut keys = None;
        if let Some(key) = &state.key {
            let (known, missing) = keys_of(key, &records);
            if let Some(message) = missing.filter(|_| known.is_empty()) {
                self.settle(batch, Failure::alone(Cause::Failed { message, retryable: false }, 1))?;
                return Ok(1);
            }
            records.truncate(known.len());
            keys = Some(known);
        }
        match state.accumulation.give(&records, keys.as_ref()).await {
            Ok(outcome) => self.pass_on(plan, &records, outcome).await,
            Err(CallError::Open(error)) => Err(error),
            Err(CallError::Trouble(trouble)) if records.len() == 1 => {
                self.settle(&records, Failure::alone(trouble.cause, plan.tried + 1))?;
                Ok(1)
            }
            Err(CallError::Trouble(trouble)) => {
                plan.advance(records.len());
                plan.parts.extend(isolate(records.len(), &trouble).into_iter().rev());
                Ok(0)
            }
        }
    }

    /// Passes outputs on, and settles faults between them. Returns how many records are done.
    async fn pass_on(&self, plan: &mut Plan, records: &Batch, outcome: Outcome) -> Result<usize, Error> {
        let Outcome { mut output, mut consumed, mut failures } = outcome;
        let mut wait = None;
        if let Some(last) = failures.last_mut() {
            // Only the first record can have been tried before.
            last.attempts += if last.index == 0 { plan.tried } else { 0 };
            wait = self.core.policy().retry_after(last.attempts).filter(|_| last.cause.is_retryable());
        }
        let again = failures.pop_if(|_| wait.is_some());
        let mut passed = 0;
        for failure in failures {
            let rest = output.split_off(failure.outputs_before - passed);
            passed = failure.outputs_before;
            self.send(output).await?;
            output = rest;
            self.settle(records, failure)?;
        }
        self.send(output).await?;
        plan.tried = 0;
        if let (Some(wait), Some(again)) = (wait, again) {
            (consumed, plan.tried) = (again.index, again.attempts);
            self.pool.sleep(wait, &()).await;
        }
        Ok(consumed)
    }

    async fn send(&self, mut output: Batch) -> Result<(), Error> {
        let silent = self.counters.snapshots.silent_until(self.place);
        if silent > 0 {
            output = output.split_off(output.iter().take_while(|(number, _)| *number <= silent).count());
        }
        if output.is_empty() {
            return Ok(());
        }
        self.outlet.send(Items::records(output, self.name.clone())).await
    }

    fn settle(&self, records: &Batch, Failure { index, cause, attempts, .. }: Failure) -> Result<(), Error> {
        let fault = Fault { record: records.number(index), function: self.name.to_string(), cause };
        self.core.policy().settle(fault, || records.origin(index).into(), attempts, &self.counters)
    }
}

impl Plan {
    /// So many records are done, or planned anew.
    fn advance(&mut self, mut records: usize) {
        while let Some((left, _)) = self.parts.last_mut()
            && records > 0
        {
            let done = records.min(*left);
            (*left, records) = (*left - done, records - done);
            self.parts.pop_if(|(left, _)| *left == 0);
        }
    }
}

impl<T: Record, U: Record> Node<T> for AccumulateNode<U> {
    fn accept(&self, items: Items<T>) -> Handling<'_> {
        Handling::going(async { self.take(items.into_batch()?).await })
    }

    fn pause(&self) -> Handling<'_> {
        self.outlet.pause()
    }

    fn close(&self) -> Handling<'_> {
        Handling::going(self.outlet.close())
    }
}

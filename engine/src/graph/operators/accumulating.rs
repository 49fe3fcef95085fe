//! A plugin's function that accumulates, on a stream: records in order, in batches as they come.
//!
//! Its instances are shards: one, or several that share the keys among them and run side by side. Here is
//! which records each of them is given, in which order their outputs go on, and what becomes of faults.

use std::panic::resume_unwind;
use std::sync::{Arc, Weak};
use std::time::Instant;

use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::function::SHOWN_WITHIN;
use super::key::{WriteKey, keys_of};
use super::shard::{Ran, Shard, Step};
use crate::error::FunctionError;
use crate::executor::{PoolShared, fitting};
use crate::fault::{Cause, Fault};
use crate::function::{Kind, State, apart, together};
use crate::graph::scattered::misuse;
use crate::graph::{CALLS_COUNT, Handling, Items, Node, Outlet, Stream};
use crate::plugin::FunctionCore;
use crate::progress::{BoxFuture, GraphContext, Holding, KeptNode, SaveError, SavedNode, SavedTypes, Saver};
use crate::record::{Batch, BatchBuilder, Record};
use crate::text::PlainText;
use crate::{Error, Function};

pub(crate) struct AccumulateNode<U> {
    core: Arc<FunctionCore>,
    pool: Arc<PoolShared>,
    name: Arc<str>,
    context: Arc<GraphContext>,
    misuse: Option<Error>,
    /// Its place among those of the graph that accumulate.
    place: usize,
    state: Arc<AccumulatedState>,
    outlet: Outlet<U>,
}

/// The instances, and what new ones are made of.
struct AccumulatedState {
    core: Arc<FunctionCore>,
    pool: Arc<PoolShared>,
    keyed: bool,
    shards: Mutex<Shards>,
}

impl AccumulatedState {
    /// Instances that go on with a state; as many as a run had that knew it, or `fresh` without one.
    fn instances(&self, state: Option<State>, fresh: usize) -> Result<Vec<Option<Shard>>, Error> {
        let states = match (self.keyed, state) {
            (false, state) => vec![state],
            (true, None) => vec![None; fresh.max(1)],
            (true, Some(state)) => apart(&state).ok_or_else(|| {
                Error::Function(FunctionError::ForeignState { function: self.core.name().to_owned() })
            })?,
        };
        let shard = |state| Some(Shard::new(self.core.clone(), self.pool.clone(), state));
        Ok(states.into_iter().map(shard).collect())
    }
}

/// How many calls each of the instances that share keys makes, about, before they wait for each other: enough that one
/// with more records than others is not waited for long, and few enough that results are soon out.
const CALLS: usize = 8;

/// The instances that share the keys, and how far they are.
struct Shards {
    /// Each is there but while it runs beside others.
    shards: Vec<Option<Shard>>,
    key: Option<WriteKey>,
    /// The number of the last record that came.
    last: u64,
    /// When outputs were last passed on for certain.
    shown: Instant,
}

/// What tells keys, and how many instances share them; as many as a run had that this one goes on with.
pub(crate) struct ByKey {
    pub(crate) write: WriteKey,
    pub(crate) instances: usize,
}

impl<U: Record> AccumulateNode<U> {
    /// Adds `function` to `stream`, with a state for each key if there are keys.
    pub(crate) fn attach<T: Record>(
        stream: Stream<T>,
        function: &Function<T, U>,
        key: Option<ByKey>,
    ) -> Stream<U> {
        let (core, pool) = (function.core().clone(), function.shared_pool().clone());
        let (name, context) = (core.name().into(), stream.context.clone());
        let place = context.snapshots.join();
        let (fresh, key) = key.map_or((1, None), |key| (key.instances, Some(key.write)));
        let keyed = key.is_some();
        let shards = Mutex::new(Shards { shards: Vec::new(), key, last: 0, shown: Instant::now() });
        let mut state = AccumulatedState { core: core.clone(), pool: pool.clone(), keyed, shards };
        let foreign = match state.instances(context.snapshots.state(place), fresh) {
            Ok(instances) => {
                state.shards.get_mut().shards = instances;
                None
            }
            Err(foreign) => Some(foreign),
        };
        let (state, misuse) = (Arc::new(state), misuse(&core, Some(Kind::Accumulate)).or(foreign));
        let kind = core.name().to_owned();
        stream.attach_as(CALLS_COUNT, &kind, |outlet| Self {
            core,
            pool,
            name,
            context,
            misuse,
            place,
            state,
            outlet,
        })
    }

    async fn take(&self, mut batch: Batch) -> Result<(), Error> {
        if let Some(misuse) = &self.misuse {
            return Err(misuse.clone());
        }
        if self.core.policy().keeps_records() {
            batch.keep_as_origin();
        }
        let mut state = self.state.shards.lock().await;
        while !batch.is_empty() {
            let most = self.look(&mut state, &batch).await?;
            let done = self.give(&mut state, &batch, most).await?;
            state.last = if done > 0 { batch.number(done - 1) } else { state.last };
            batch = batch.split_off(done);
            // A slow function's results are not held back until later ones are there.
            if !batch.is_empty() && state.shown.elapsed() > SHOWN_WITHIN {
                self.outlet.pause().await?;
                state.shown = Instant::now();
            }
        }
        Ok(())
    }

    /// Takes the state out if a snapshot of all states wants it. Returns how many of the next
    /// records may be given together before that.
    async fn look(&self, state: &mut Shards, batch: &Batch) -> Result<usize, Error> {
        let snapshots = &self.context.snapshots;
        let Some(at) = snapshots.cut(self.place, state.last, batch.number(0)) else { return Ok(batch.len()) };
        let before = batch.iter().take_while(|(number, _)| *number <= at).count();
        if before == 0 {
            snapshots.put(self.place, state.taken().await?);
            return Ok(batch.len());
        }
        Ok(before)
    }

    /// Gives the function some of the first records, at most `most`. Returns how many are done.
    async fn give(&self, state: &mut Shards, batch: &Batch, most: usize) -> Result<usize, Error> {
        let mut records = batch.clone();
        records.truncate(most);
        match state.shards.as_slice() {
            [only] => records.truncate(only.as_ref().map_or(0, |shard| shard.most(batch))),
            shards => records.truncate(shards.len() * CALLS * fitting(&self.core, batch, false)),
        }
        let mut keys = None;
        if let Some(key) = &state.key {
            let (known, missing) = keys_of(key, &records);
            if let Some(message) = missing.filter(|_| known.is_empty()) {
                self.handle_fault(
                    batch,
                    0,
                    Cause::Failed { message: PlainText::short(message), retryable: false },
                    1,
                )?;
                return Ok(1);
            }
            records.truncate(known.len());
            keys = Some(known);
        }
        match (state.shards.as_mut_slice(), keys) {
            ([shard], keys) => {
                let shard = shard.as_mut().ok_or(Error::Closed)?;
                let step = shard.step(&records, keys.as_ref()).await?;
                self.pass_on(&records, step).await
            }
            (_, None) => Err(Error::Closed),
            (shards, Some(keys)) => {
                let ran = side_by_side(shards, &records, &keys, &self.pool).await?;
                self.merge(&records, &ran).await?;
                Ok(records.len())
            }
        }
    }

    /// Passes outputs on, and settles faults between them. Returns how many records are done.
    async fn pass_on(&self, records: &Batch, step: Step) -> Result<usize, Error> {
        let Step { done, mut output, failures, wait } = step;
        let mut passed = 0;
        for failure in failures {
            let rest = output.split_off(failure.outputs_before - passed);
            passed = failure.outputs_before;
            self.send(output).await?;
            output = rest;
            self.handle_fault(records, failure.index, failure.cause, failure.attempts)?;
        }
        self.send(output).await?;
        if let Some(wait) = wait {
            self.pool.sleep(wait, &()).await;
        }
        Ok(done)
    }

    /// The same for what instances made of records side by side, which were numbered by their places.
    async fn merge(&self, records: &Batch, ran: &[Ran]) -> Result<(), Error> {
        let outputs = ran.iter().flat_map(|ran| ran.outputs.iter());
        let mut outputs: Vec<_> = outputs.map(|(place, output)| (place, Ok(output))).collect();
        let faults = ran.iter().flat_map(|ran| &ran.faults);
        outputs.extend(faults.map(|failed| (failed.number, Err((&failed.cause, failed.attempts)))));
        outputs.sort_unstable_by_key(|(place, _)| *place);
        let mut builder = BatchBuilder::default();
        for (place, became) in outputs {
            let index = usize::try_from(place).expect("it is a place in a batch");
            match became {
                Ok(output) => builder.push(records.number(index), |data| data.extend_from_slice(output)),
                Err((cause, attempts)) => {
                    self.send_of(records, std::mem::take(&mut builder)).await?;
                    self.handle_fault(records, index, cause.clone(), attempts)?;
                }
            }
        }
        self.send_of(records, builder).await
    }

    async fn send_of(&self, records: &Batch, outputs: BatchBuilder) -> Result<(), Error> {
        let mut outputs = outputs.build();
        outputs.keep_origin_of(records);
        self.send(outputs).await
    }

    async fn send(&self, mut output: Batch) -> Result<(), Error> {
        let silent = self.context.snapshots.silent_until(self.place);
        if silent > 0 {
            output = output.split_off(output.iter().take_while(|(number, _)| *number <= silent).count());
        }
        if output.is_empty() {
            return Ok(());
        }
        self.outlet.send(Items::records(output, self.name.clone())).await
    }

    fn handle_fault(&self, records: &Batch, index: usize, cause: Cause, attempts: u32) -> Result<(), Error> {
        let fault = Fault::new(records.number(index), &*self.name, cause);
        self.context.handle_fault(self.core.policy(), fault, || records.origin(index).into(), attempts)
    }
}

impl Shards {
    /// The state after all records so far; none is the beginning.
    async fn taken(&mut self) -> Result<Option<State>, Error> {
        let mut states = Vec::with_capacity(self.shards.len());
        for shard in &mut self.shards {
            states.push(shard.as_mut().ok_or(Error::Closed)?.state().await?);
        }
        match &self.key {
            Some(_) => Ok(Some(together(&states))),
            None => Ok(states.pop().flatten()),
        }
    }
}

impl KeptNode for AccumulatedState {
    fn save<'a>(&'a self, types: &'a SavedTypes) -> BoxFuture<'a, Result<SavedNode, SaveError>> {
        Box::pin(async {
            let (mut shards, mut saver) = (self.shards.lock().await, Saver::new(types));
            saver.number(shards.last);
            let state = shards.taken().await?.map(|state| state.to_vec());
            saver.values(&state)?;
            Ok(SavedNode::with_state(1, saver.finish()))
        })
    }

    fn restore<'a>(
        self: Arc<Self>,
        saved: &'a SavedNode,
        types: &'a SavedTypes,
    ) -> BoxFuture<'a, Result<(), SaveError>> {
        Box::pin(async move {
            saved.check_version(1)?;
            let (mut shards, mut restorer) = (self.shards.lock().await, saved.restorer(types)?);
            shards.last = restorer.number()?;
            let state = restorer.values::<Vec<u8>>()?.pop().map(State::from);
            let instances = shards.shards.len();
            shards.shards = self.instances(state, instances)?;
            Ok(restorer.end()?)
        })
    }
}

/// Gives each instance the records of its keys, on the pool's threads. Records are numbered by their places in
/// what is returned.
async fn side_by_side(
    shards: &mut [Option<Shard>],
    records: &Batch,
    keys: &Batch,
    pool: &PoolShared,
) -> Result<Vec<Ran>, Error> {
    let mut parts: Vec<(BatchBuilder, BatchBuilder)> = shards.iter().map(|_| Default::default()).collect();
    for (place, ((_, record), (_, key))) in (0..).zip(records.iter().zip(keys.iter())) {
        // The same instance in a run that goes on with these states.
        let (records, keys) = &mut parts[crc32fast::hash(key) as usize % shards.len()];
        records.push(place, |data| data.extend_from_slice(record));
        keys.push(place, |data| data.extend_from_slice(key));
    }
    let mut running = JoinSet::new();
    for (index, (records, keys)) in parts.into_iter().enumerate().filter(|(_, part)| part.0.len() > 0) {
        let mut shard = shards[index].take().ok_or(Error::Closed)?;
        let run = async move {
            let ran = shard.run(records.build(), keys.build()).await;
            (index, shard, ran)
        };
        running.spawn_on(run, pool.handle());
    }
    let mut ran = Vec::with_capacity(running.len());
    while let Some(ended) = running.join_next().await {
        match ended {
            Ok((index, shard, result)) => {
                shards[index] = Some(shard);
                ran.push(result);
            }
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            Err(_) => ran.push(Err(Error::Closed)),
        }
    }
    ran.into_iter().collect()
}

impl<T: Record, U: Record> Node<T> for AccumulateNode<U> {
    fn accept(&self, items: Items<T>) -> Handling<'_> {
        Handling::going(async {
            match items.into_batch(&self.name, self.core.policy(), &self.context)? {
                Some(batch) => self.take(batch).await,
                None => Ok(()),
            }
        })
    }

    fn pause(&self) -> Handling<'_> {
        self.outlet.pause()
    }

    fn close(&self) -> Handling<'_> {
        Handling::going(self.outlet.close())
    }

    fn holding(&self) -> Holding {
        let kept: Weak<AccumulatedState> = Arc::downgrade(&self.state);
        Holding::Kept(kept)
    }
}

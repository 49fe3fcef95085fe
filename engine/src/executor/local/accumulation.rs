//! A function that accumulates: its one instance, and a state that outlives it.
//!
//! The state is in the instance. It is taken out now and then, and what was given since is kept: so another
//! instance can be brought to the same state when the first one is gone, or when a record that failed has
//! left it changed. Which records are given, and what becomes of their faults, is left to the node.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::calls::{CallError, MEMORY_TRIES, budget};
use super::journal::Journal;
use super::shared::PoolShared;
use crate::Error;
use crate::error::FunctionError;
use crate::function::Isolation;
use crate::function::State;
use crate::plugin::{Failure, FunctionCore, Instance, Outcome, Trouble};
use crate::record::{Batch, BatchBuilder};

/// Saving the state takes at most one part in `SHARE` of the time.
const SHARE: u32 = 50;

/// Nor is it done more often than this, as long as the records since then are few.
const SELDOM: Duration = Duration::from_millis(20);

/// Records since then have this many bytes at most, or twice as many as the state.
const MOST_BYTES: usize = 8 << 20;

/// How many times longer than the first instance a later one may take to get to the same state.
const PATIENCE: u32 = 10;

/// The one instance of a function in a graph, and its state.
pub(crate) struct Accumulation {
    core: Arc<FunctionCore>,
    pool: Arc<PoolShared>,
    /// None until the first record, and after one that failed.
    instance: Option<Box<Instance>>,
    /// As it was taken out last; none is the beginning.
    saved: Option<State>,
    /// What came since.
    journal: Journal,
    /// What it took to take the state out.
    cost: Duration,
}

impl Accumulation {
    /// `state` is what another run left.
    pub(crate) fn new(core: Arc<FunctionCore>, pool: Arc<PoolShared>, state: Option<State>) -> Self {
        let (journal, cost) = (Journal::default(), Duration::ZERO);
        Self { core, pool, instance: None, saved: state, journal, cost }
    }

    /// Gives the function records. If it fails, its state is as before; a record that was given alone is
    /// then to blame.
    pub(crate) async fn give(&mut self, records: &Batch, keys: Option<&Batch>) -> Result<Outcome, CallError> {
        let alone = records.len() == 1 && !self.core.has_effects();
        let mut tries = if alone { MEMORY_TRIES } else { 0 };
        let mut fresh = false;
        loop {
            let instance = self.ready(fresh).await.map_err(CallError::Open)?;
            let limit = budget(&self.core, records.len());
            match instance.process(records, keys, limit, &()).await {
                Ok((instance, outcome)) => {
                    self.note(instance, records, keys, &outcome);
                    return Ok(outcome);
                }
                Err(trouble) => {
                    self.core.note_trouble(records, &trouble);
                    // Memory may have been filled by earlier records, or be held by other instances.
                    if tries == 0 || !(trouble.starved || trouble.memory && !trouble.fresh) {
                        return Err(CallError::Trouble(trouble));
                    }
                    self.make_room(&trouble);
                    (tries, fresh) = (tries - 1, true);
                }
            }
        }
    }

    /// The state after all records so far; none is the beginning.
    pub(crate) async fn state(&mut self) -> Result<Option<State>, Error> {
        if self.instance.is_none() && !self.journal.is_empty() {
            self.rebuild().await?;
        }
        self.save().await?;
        Ok(self.saved.clone())
    }

    /// An instance that has the state; if it is to be `fresh`, one that has made no call before.
    async fn ready(&mut self, fresh: bool) -> Result<Box<Instance>, Error> {
        if self.instance.is_none() {
            self.rebuild().await?;
        }
        let worn = self.instance.as_ref().is_some_and(|instance| self.is_worn(instance, fresh));
        if worn || self.is_due() {
            self.save().await?;
        }
        match self.instance.take().filter(|_| !worn) {
            Some(instance) => Ok(instance),
            None => self.pool.open(&self.core, self.saved.as_deref()).await,
        }
    }

    /// Whether another instance should take its place.
    fn is_worn(&self, instance: &Instance, fresh: bool) -> bool {
        let replaced = fresh || self.core.limits().isolation != Isolation::Thread;
        instance.is_bloated() || (replaced && !instance.is_fresh())
    }

    /// Whether the state should be taken out: it costs little against what was done since, or to do that
    /// again would cost more, or there is no room for more.
    fn is_due(&self) -> bool {
        let most = MOST_BYTES.max(self.saved.as_ref().map_or(0, |state| state.len() * 2));
        let worth_it = self.journal.spent() >= SELDOM.max(self.cost * SHARE);
        let repeated = self.journal.repeated();
        !self.journal.is_empty()
            && (worth_it
                || self.journal.weight() >= most
                || (!repeated.is_zero() && repeated >= self.cost)
                || self.core.has_effects())
    }

    /// A call went well, as far as it went.
    fn note(&mut self, instance: Box<Instance>, records: &Batch, keys: Option<&Batch>, outcome: &Outcome) {
        let used = instance.used();
        self.core.note_outcome(&instance, outcome);
        let good = |batch: &Batch| good(batch, outcome.consumed, &outcome.failures);
        self.journal.push(good(records), keys.map(good), used);
        // The last one may have left the state half changed.
        let failed = outcome.failures.last().is_some_and(|last| last.index + 1 == outcome.consumed);
        self.instance = (!failed).then_some(instance);
    }

    /// Takes the state out of the instance.
    async fn save(&mut self) -> Result<(), Error> {
        if self.journal.is_empty() {
            return Ok(());
        }
        let Err(trouble) = self.take_out().await else { return Ok(()) };
        if self.core.has_effects() {
            return Err(self.stateless(*trouble));
        }
        // Where earlier calls filled the memory, a new instance has room for it.
        self.make_room(&trouble);
        self.rebuild().await?;
        self.take_out().await.map_err(|trouble| self.stateless(*trouble))
    }

    async fn take_out(&mut self) -> Result<(), Box<Trouble>> {
        let Some(instance) = self.instance.take() else { return Ok(()) };
        let (instance, state) = instance.state(self.core.limits().timeout, &()).await?;
        self.cost = instance.used();
        self.saved = Some(state.into());
        self.journal = Journal::default();
        self.instance = Some(instance);
        Ok(())
    }

    fn stateless(&self, trouble: Trouble) -> Error {
        Error::Function(FunctionError::State { function: self.core.name().to_owned(), cause: trouble.cause })
    }

    /// Opens an instance, and brings it to the state of the one before.
    async fn rebuild(&mut self) -> Result<(), Error> {
        let begun = Instant::now();
        let mut tries = MEMORY_TRIES;
        let limit = self.core.limits().timeout + self.journal.spent() * PATIENCE;
        let instance = loop {
            let instance = self.pool.open(&self.core, self.saved.as_deref()).await?;
            match repeat(instance, &self.journal, limit).await {
                Ok(instance) => break instance,
                Err(trouble) if trouble.starved && tries > 0 => {
                    self.make_room(&trouble);
                    tries -= 1;
                }
                Err(trouble) => {
                    let function = self.core.name().to_owned();
                    return Err(Error::Function(FunctionError::Rebuild { function, cause: trouble.cause }));
                }
            }
        };
        if !self.journal.is_empty() {
            self.journal.repeat(begun.elapsed());
        }
        self.instance = Some(instance);
        Ok(())
    }

    fn make_room(&self, trouble: &Trouble) {
        if trouble.starved {
            self.pool.make_room();
        }
    }
}

/// Gives an instance all that came since the state was taken out; what it returns was passed on before.
async fn repeat(
    mut instance: Box<Instance>,
    journal: &Journal,
    limit: Duration,
) -> Result<Box<Instance>, Box<Trouble>> {
    for (mut records, mut keys) in journal.pieces() {
        while !records.is_empty() {
            let (same, Outcome { consumed, failures, .. }) =
                instance.process(&records, keys.as_ref(), limit, &()).await?;
            if let Some(Failure { cause, .. }) = failures.into_iter().next() {
                return Err(same.trouble(cause));
            }
            instance = same;
            records = records.split_off(consumed);
            keys = keys.map(|mut keys| keys.split_off(consumed));
        }
    }
    Ok(instance)
}

/// The first `consumed` records without those that failed.
fn good(batch: &Batch, consumed: usize, failures: &[Failure]) -> Batch {
    let mut done = batch.clone();
    done.truncate(consumed);
    match failures {
        [] => done,
        [only] if only.index + 1 == consumed => {
            done.truncate(only.index);
            done
        }
        _ => {
            let mut good = BatchBuilder::default();
            let mut from = 0;
            for failure in failures {
                good.append(&done, from..failure.index);
                from = failure.index + 1;
            }
            good.append(&done, from..consumed);
            good.build()
        }
    }
}

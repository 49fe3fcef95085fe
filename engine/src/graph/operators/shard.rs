//! One instance of a function that accumulates: which of the next records it is given together, and how the
//! one is found that a call failed for.

use std::sync::Arc;
use std::time::Duration;

use crate::Error;
use crate::executor::{Accumulation, CallError, PoolShared, fitting, isolate};
use crate::fault::Cause;
use crate::function::State;
use crate::plugin::{Failure, FunctionCore, Outcome};
use crate::record::{Batch, BatchBuilder};

pub(super) struct Shard {
    core: Arc<FunctionCore>,
    pool: Arc<PoolShared>,
    accumulation: Accumulation,
    plan: Plan,
}

/// What became of the first of some records.
pub(super) struct Step {
    /// How many are done.
    pub(super) done: usize,
    pub(super) output: Batch,
    pub(super) failures: Vec<Failure>,
    /// The next one failed, and is to be tried again after this time.
    pub(super) wait: Option<Duration>,
}

/// What became of a batch.
pub(super) struct Ran {
    /// With the numbers of their records.
    pub(super) outputs: Batch,
    pub(super) faults: Vec<Failed>,
}

/// A record that is done without outputs.
pub(super) struct Failed {
    pub(super) number: u64,
    pub(super) cause: Cause,
    pub(super) attempts: u32,
}

/// Which of the next records are given together.
#[derive(Default)]
struct Plan {
    /// Parts of a batch that a call failed for, the next one last: the number of records of each, and whether
    /// they are given one by one.
    parts: Vec<(usize, bool)>,
    /// How often the first record was tried.
    tried: u32,
}

impl Shard {
    pub(super) fn new(core: Arc<FunctionCore>, pool: Arc<PoolShared>, state: Option<State>) -> Self {
        let accumulation = Accumulation::new(core.clone(), pool.clone(), state);
        Self { core, pool, accumulation, plan: Plan::default() }
    }

    /// Its state after all records so far; none is the beginning.
    pub(super) async fn state(&mut self) -> Result<Option<State>, Error> {
        self.accumulation.state().await
    }

    /// How many of the next records go together.
    pub(super) fn most(&self, batch: &Batch) -> usize {
        let (part, alone) = self.plan.parts.last().copied().unwrap_or((usize::MAX, false));
        fitting(&self.core, batch, alone).min(part)
    }

    /// Gives the function records, [no more](Self::most) than go together.
    pub(super) async fn step(&mut self, records: &Batch, keys: Option<&Batch>) -> Result<Step, Error> {
        let step = match self.accumulation.give(records, keys).await {
            Ok(outcome) => self.step_after(outcome),
            Err(CallError::Open(error)) => return Err(error),
            Err(CallError::Trouble(trouble)) if records.len() == 1 => {
                let failures = vec![Failure::alone(trouble.cause, self.plan.tried + 1)];
                self.plan.tried = 0;
                Step { done: 1, output: Batch::empty(), failures, wait: None }
            }
            Err(CallError::Trouble(trouble)) => {
                self.plan.advance(records.len());
                self.plan.parts.extend(isolate(records.len(), &trouble).into_iter().rev());
                Step { done: 0, output: Batch::empty(), failures: Vec::new(), wait: None }
            }
        };
        self.plan.advance(step.done);
        Ok(step)
    }

    /// What a call that returned an outcome comes to: the last record that it failed for may be tried again.
    fn step_after(&mut self, outcome: Outcome) -> Step {
        let Outcome { output, mut consumed, mut failures } = outcome;
        let mut wait = None;
        if let Some(last) = failures.last_mut() {
            // Only the first record can have been tried before.
            last.attempts += if last.index == 0 { self.plan.tried } else { 0 };
            wait = self.core.policy().retry_after(last.attempts).filter(|_| last.cause.is_retryable());
        }
        self.plan.tried = 0;
        if let Some(again) = failures.pop_if(|_| wait.is_some()) {
            (consumed, self.plan.tried) = (again.index, again.attempts);
        }
        Step { done: consumed, output, failures, wait }
    }

    /// Gives the function a whole batch, and returns what became of it.
    pub(super) async fn run(&mut self, mut records: Batch, mut keys: Batch) -> Result<Ran, Error> {
        let (mut outputs, mut faults) = (BatchBuilder::default(), Vec::new());
        while !records.is_empty() {
            let most = self.most(&records);
            let (mut next, mut next_keys) = (records.clone(), keys.clone());
            next.truncate(most);
            next_keys.truncate(most);
            let Step { done, output, failures, wait } = self.step(&next, Some(&next_keys)).await?;
            outputs.append(&output, 0..output.len());
            faults.extend(failures.into_iter().map(|Failure { index, cause, attempts, .. }| Failed {
                number: next.number(index),
                cause,
                attempts,
            }));
            if let Some(wait) = wait {
                self.pool.sleep(wait, &()).await;
            }
            records = records.split_off(done);
            keys = keys.split_off(done);
        }
        Ok(Ran { outputs: outputs.build(), faults })
    }
}

impl Plan {
    /// Takes records that are done, or planned anew, from the plan.
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

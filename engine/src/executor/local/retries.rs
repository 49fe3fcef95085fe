//! Trying records again that their function says may succeed later.

use std::time::Duration;

use super::calls::CallError;
use super::shared::PoolShared;
use crate::Error;
use crate::plugin::{Failure, FunctionCore, Outcome, Waiting};
use crate::record::{Batch, BatchBuilder};

/// Gives the records of `batch` that failed, and may succeed later, to their function again: each alone,
/// as often as the function's policy says, all after one wait. Puts what they give at their place in the
/// outcome.
///
/// # Errors
///
/// If no instance can be opened.
pub(crate) async fn retry(
    pool: &PoolShared,
    core: &FunctionCore,
    batch: &Batch,
    outcome: Outcome,
    waiting: &dyn Waiting,
) -> Result<Outcome, Error> {
    if core.policy().retry_after(1).is_none()
        || !outcome.failures.iter().any(|failure| failure.cause.is_retryable())
    {
        return Ok(outcome);
    }
    // A future of its own, so that calls without retries do not carry it.
    Box::pin(tried_again(pool, core, batch, outcome, waiting)).await
}

async fn tried_again(
    pool: &PoolShared,
    core: &FunctionCore,
    batch: &Batch,
    outcome: Outcome,
    waiting: &dyn Waiting,
) -> Result<Outcome, Error> {
    let Outcome { output, consumed, failures } = bounded(outcome);
    let mut tries: Vec<_> = failures.into_iter().map(|failure| (failure, None)).collect();
    while let Some(wait) = tries.iter().find_map(|(failure, given)| next_wait(core, failure, given.as_ref()))
    {
        pool.sleep(wait, waiting).await;
        for (failure, given) in &mut tries {
            if next_wait(core, failure, given.as_ref()).is_none() {
                continue;
            }
            let record = batch.alone(failure.index);
            match pool.call_alone(core, &record, waiting).await {
                Ok(Outcome { output, failures, .. }) => match failures.into_iter().next() {
                    Some(again) => failure.cause = again.cause,
                    None => *given = Some(output),
                },
                Err(CallError::Trouble(trouble)) => failure.cause = trouble.cause,
                Err(CallError::Open(error)) => return Err(error),
            }
            failure.attempts += 1;
        }
    }
    Ok(merge(&output, consumed, tries))
}

/// How many records of a call are tried again. Later ones come in another call.
const MOST: usize = 64;

/// The outcome up to the last record that may be tried again.
fn bounded(outcome: Outcome) -> Outcome {
    let Outcome { mut output, mut consumed, mut failures } = outcome;
    let mut again = failures.iter().enumerate().filter(|(_, failure)| failure.cause.is_retryable());
    if let Some((place, first)) = again.nth(MOST) {
        consumed = first.index;
        output.truncate(first.outputs_before);
        failures.truncate(place);
    }
    Outcome { output, consumed, failures }
}

/// How long to wait before the next try of a record, if there is to be one.
fn next_wait(core: &FunctionCore, failure: &Failure, given: Option<&Batch>) -> Option<Duration> {
    let open = given.is_none() && failure.cause.is_retryable();
    open.then(|| core.policy().retry_after(failure.attempts)).flatten()
}

/// The outcome with what the second tries gave.
fn merge(output: &Batch, consumed: usize, tries: Vec<(Failure, Option<Batch>)>) -> Outcome {
    let mut merged = BatchBuilder::default();
    let (mut failures, mut from) = (Vec::new(), 0);
    for (failure, given) in tries {
        merged.append(output, from..failure.outputs_before);
        from = failure.outputs_before;
        match given {
            Some(given) => merged.append(&given, 0..given.len()),
            None => failures.push(Failure { outputs_before: merged.len(), ..failure }),
        }
    }
    merged.append(output, from..output.len());
    let mut merged = merged.build();
    merged.keep_origin_of(output);
    Outcome { output: merged, consumed, failures }
}

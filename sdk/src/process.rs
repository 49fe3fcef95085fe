//! The loop over a batch: one for each kind of function, compiled for each function.

use crate::contract::{self, Batch, Outcome};
use crate::failure::Failure;
use crate::host;
use crate::outputs::Outputs;
use crate::printed;

/// How many records are done between two reports to the host.
const SOME: u32 = 64;
/// A sink reports each record, since it must not run again on one that it began, and stops at the
/// first that fails. What a record printed is the run's output: the host has it before the next one is begun.
const EACH: u32 = 1;

/// Runs a map or a flat-map: `function` writes its outputs and returns how many.
#[inline]
pub fn map(
    input: &Batch,
    room: u32,
    function: impl Fn(&[u8], &mut Outputs) -> Result<u32, Failure>,
) -> Outcome {
    let outputs = Outputs::with_capacity(input.ends.len(), input.data.len() * 9 / 8 + 64);
    run::<SOME>(input, room, outputs, |_| false, function)
}

/// Runs a function that accumulates: as a map, but it stops where a record failed that it was called for,
/// since that may have left the state half changed.
#[inline]
pub(crate) fn accumulate(
    input: &Batch,
    room: u32,
    function: impl FnMut(&[u8], &mut Outputs) -> Result<u32, Failure>,
) -> Outcome {
    let outputs = Outputs::with_capacity(input.ends.len(), input.data.len() * 9 / 8 + 64);
    run::<SOME>(input, room, outputs, |failure| !failure.is_unread(), function)
}

/// Runs a filter: `function` tells whether to keep the record.
#[inline]
pub fn filter(input: &Batch, _: u32, function: impl Fn(&[u8]) -> Result<bool, Failure>) -> Outcome {
    let outputs = Outputs::with_capacity(0, 0);
    run::<SOME>(input, u32::MAX, outputs, |_| false, |record, _| function(record).map(u32::from))
}

/// Runs a sink: `function` consumes the record.
#[inline]
pub fn sink(input: &Batch, _: u32, function: impl Fn(&[u8]) -> Result<(), Failure>) -> Outcome {
    let outputs = Outputs::with_capacity(0, 0);
    run::<EACH>(input, u32::MAX, outputs, |_| true, |record, _| function(record).map(|()| 1))
}

/// Processes records until the input ends, the outputs fill `room`, or one fails that it `stops` at.
/// `function` returns how many outputs the record gave; what it wrote before it failed is taken back.
#[inline]
fn run<const EVERY: u32>(
    input: &Batch,
    room: u32,
    mut outputs: Outputs,
    stops: impl Fn(&Failure) -> bool,
    mut function: impl FnMut(&[u8], &mut Outputs) -> Result<u32, Failure>,
) -> Outcome {
    let mut counts = Counts::default();
    let mut failures = Vec::new();
    let (mut consumed, mut start) = (0, 0);
    for &end in &input.ends {
        host::begin::<EVERY>(consumed);
        let mark = outputs.mark();
        let mut stop = false;
        let count = match function(&input.data[start..end as usize], &mut outputs) {
            Ok(count) => count,
            Err(failure) => {
                outputs.rewind(mark);
                stop = stops(&failure);
                fail(&mut failures, failure, consumed);
                0
            }
        };
        if EVERY == EACH {
            printed::flush();
        }
        counts.push(count, consumed, &failures);
        start = end as usize + 1;
        consumed += 1;
        if stop || outputs.size() >= room as usize {
            break;
        }
    }
    Outcome { output: outputs.into_batch(), counts: counts.0, failures, consumed }
}

/// Out of the loop, which is the faster the shorter it is.
#[cold]
#[inline(never)]
fn fail(failures: &mut Vec<contract::Failure>, failure: Failure, index: u32) {
    failures.push(failure.at(index));
}

/// Outputs of each record so far; none while each that did not fail gave one.
#[derive(Default)]
struct Counts(Option<Vec<u32>>);

impl Counts {
    #[inline]
    fn push(&mut self, count: u32, index: u32, failures: &[contract::Failure]) {
        if let Some(counts) = &mut self.0 {
            counts.push(count);
        } else if count != 1 && failures.last().is_none_or(|failure| failure.index != index) {
            self.0 = Some(Self::begin(count, index, failures));
        }
    }

    /// Counts for all records up to `index`, the first that gave neither one nor failed.
    #[cold]
    #[inline(never)]
    fn begin(count: u32, index: u32, failures: &[contract::Failure]) -> Vec<u32> {
        let mut counts = vec![1; index as usize];
        for failure in failures {
            counts[failure.index as usize] = 0;
        }
        counts.push(count);
        counts
    }
}

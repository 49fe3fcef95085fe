//! What guests return for their batches.

use crate::function::Kind;
use crate::plugin::{Outcome, wit};
use crate::record::BatchBuilder;

/// An outcome as a guest tells it.
pub struct Said {
    pub data: Vec<u8>,
    pub ends: Vec<u32>,
    pub counts: Option<Vec<u32>>,
    /// Their indices, and whether they may succeed later.
    pub failures: Vec<(u32, bool)>,
    pub consumed: u32,
}

impl From<Said> for wit::Outcome {
    fn from(Said { data, ends, counts, failures, consumed }: Said) -> Self {
        let failure = |(index, retryable)| wit::Failure { index, message: "no".to_owned(), retryable };
        let failures = failures.into_iter().map(failure).collect();
        Self { output: wit::BatchResult { data, ends }, counts, failures, consumed }
    }
}

/// Checks what a guest returns for a batch whose records have these lengths, and reads everything that passes.
pub fn outcome(kind: u8, input: &[u8], guests: Said) {
    let kinds = [Kind::Map, Kind::Filter, Kind::FlatMap, Kind::Accumulate, Kind::Sink];
    let kind = kinds[usize::from(kind) % kinds.len()];
    let mut batch = BatchBuilder::default();
    for (number, length) in (1..).zip(input) {
        batch.push(number, |data| data.resize(data.len() + usize::from(*length), b'i'));
    }
    let batch = batch.build();
    let Ok(outcome) = Outcome::check(kind, &batch, guests.into()) else { return };
    assert!(outcome.consumed <= batch.len());
    let mut last = 0;
    let mut outputs = 0;
    for (number, record) in outcome.output.iter() {
        assert!((last..=outcome.consumed as u64).contains(&number) && number > 0, "{number} of {record:?}");
        last = number;
        outputs += 1;
    }
    assert_eq!(outputs, outcome.output.len());
    let mut before = None;
    for failure in &outcome.failures {
        assert!(failure.index < outcome.consumed && before.is_none_or(|before| before < failure.index));
        assert!(failure.outputs_before <= outputs);
        let number = batch.number(failure.index);
        assert!(outcome.output.iter().all(|(other, _)| other != number), "a record failed and gave outputs");
        let earlier = outcome.output.iter().filter(|(other, _)| *other < number).count();
        assert_eq!(earlier, failure.outputs_before);
        before = Some(failure.index);
    }
}

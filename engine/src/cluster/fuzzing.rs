//! Private entry points for fuzzing: what comes over the network, and what a host makes of it.

#![allow(missing_docs, reason = "only the fuzz targets are given it")]

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;

use crate::Cause;
use crate::cluster::protocol::in_flight::{Act, InFlight};
use crate::cluster::protocol::wire::{Outcome, ResultPart, Task};
use crate::executor::{Ending, NumberedFailure, SegmentResult, Terms};
use crate::function::Kind;
use crate::record::{Batch, BatchBuilder};

/// Tasks in flight.
const TASKS: u64 = 3;

/// Bytes of the result of each at most.
const MOST: usize = 4 << 10;

/// Bytes of the outputs of a record at most.
const OUTPUT: usize = 64;

/// Something that happens to a host.
#[derive(Clone, Debug)]
pub enum Sent {
    /// A part of a result, of any bytes.
    Part { task: u8, nonce: u8, part: u8, parts: u8, body: Vec<u8> },
    /// A result that is well-formed, in parts of `cut` bytes.
    Result { task: u8, nonce: u8, cut: u8, forged: Forged },
    /// The broker was asked for a task.
    Looked { task: u8, found: bool },
    /// Time has passed.
    Time,
}

/// What a result says.
#[derive(Clone, Debug)]
pub struct Forged {
    /// How much further the number of each is, and how long it is.
    pub outputs: Vec<(u8, u8)>,
    /// Their stages and records.
    pub faults: Vec<(u8, u8)>,
    pub ending: Option<(u8, u8)>,
}

/// Reads a message as each kind that there is; one that is read comes back when it is written.
pub fn wire(bytes: &[u8]) {
    if let Ok(task) = Task::decode(bytes) {
        let again = Task::decode(&task.encode()).expect("what was read can be written");
        assert_eq!(records(&task.batch), records(&again.batch));
        assert_eq!((task.epoch, task.task, task.segment), (again.epoch, again.task, again.segment));
    }
    let bytes = Bytes::copy_from_slice(bytes);
    if let Ok(part) = ResultPart::decode(&bytes) {
        assert_eq!(ResultPart::decode(&part.encode()), Ok(part));
    }
    if let Ok(outcome) = Outcome::decode(&bytes) {
        let again = Outcome::decode(&outcome.encode()).expect("what was read can be written");
        let (one, other) = (outcome.whole, again.whole);
        assert_eq!(records(&one.output), records(&other.output));
        assert_eq!((one.failed, one.ending), (other.failed, other.ending));
        assert_eq!((outcome.worker, outcome.printed), (again.worker, again.printed));
    }
}

/// Gives a host what workers send.
pub fn result(kinds: &[u8], records: &[(u8, u8)], steps: Vec<Sent>) {
    let kinds =
        kinds.iter().take(4).map(|kind| [Kind::Map, Kind::Filter, Kind::FlatMap][usize::from(*kind) % 3]);
    let terms = kinds.enumerate().map(|(place, kind)| Terms {
        kind,
        output: OUTPUT,
        stops_behind: place.is_multiple_of(2).then_some(3),
        retries: 0,
    });
    let terms: Vec<_> = terms.collect();
    let batch = batch(records);
    if batch.is_empty() || terms.is_empty() {
        return;
    }
    let mut host = Host::new(batch, terms);
    steps.into_iter().for_each(|step| host.step(step));
    host.end();
}

struct Host {
    in_flight: InFlight<u64>,
    batch: Batch,
    terms: Vec<Terms>,
    /// Messages that are not acknowledged.
    tokens: HashSet<u64>,
    next: u64,
    now: Duration,
}

impl Host {
    fn new(batch: Batch, terms: Vec<Terms>) -> Self {
        let mut in_flight = InFlight::new(1, MOST);
        for _ in 0..TASKS {
            let (task, _) = in_flight.submit(MOST, Duration::ZERO);
            in_flight.published(task, 0, task, Duration::ZERO);
        }
        Self { in_flight, batch, terms, tokens: HashSet::new(), next: 0, now: Duration::ZERO }
    }

    fn step(&mut self, step: Sent) {
        match step {
            Sent::Part { task, nonce, part, parts, body } => {
                let (part, parts) = (part.into(), parts.into());
                self.part(ResultPart { part, parts, body: body.into(), ..empty(task, nonce) });
            }
            Sent::Result { task, nonce, cut, forged } => {
                let body = forged.outcome(&self.batch).encode();
                let empty = empty(task, nonce);
                let cut = usize::from(cut).max(1);
                let parts = ResultPart::cut(empty.epoch, empty.task, empty.nonce, &body, cut);
                parts.into_iter().for_each(|part| self.part(part));
            }
            Sent::Looked { task, found } => {
                let task = u64::from(task) % TASKS;
                (0..8).for_each(|attempt| self.in_flight.looked(task, attempt, found, self.now));
            }
            Sent::Time => {
                self.now += Duration::from_secs(6);
                let acts = self.in_flight.tick(self.now);
                self.act(acts);
            }
        }
        let (drafted, most) = self.in_flight.drafted();
        assert!(drafted <= most, "drafts cost {drafted}, more than {most}");
    }

    fn part(&mut self, part: ResultPart) {
        self.next += 1;
        self.tokens.insert(self.next);
        let acts = self.in_flight.result(part, self.next, self.now);
        self.act(acts);
    }

    fn act(&mut self, acts: Vec<Act<u64>>) {
        for act in acts {
            match act {
                Act::Publish { task, attempt } => self.in_flight.published(task, attempt, task, self.now),
                Act::Look { .. } => {}
                Act::Release(token) => assert!(self.tokens.remove(&token), "it was acknowledged before"),
                Act::Done { task, nonce, parts, tokens, held } => {
                    assert!(tokens.iter().all(|token| self.tokens.remove(token)));
                    self.in_flight.released(held);
                    let outcome = Outcome::decode(&parts.concat()).ok();
                    let whole = outcome.map(|outcome| outcome.whole);
                    let believed = whole.filter(|whole| whole.check(&self.batch, &self.terms).is_ok());
                    let acts = match believed {
                        Some(whole) => {
                            self.is_true(&whole);
                            self.in_flight.forget(task)
                        }
                        None => self.in_flight.refuse(task, nonce, self.now).into_iter().collect(),
                    };
                    self.act(acts);
                }
                Act::TooLarge { task } | Act::GiveUp { task } => {
                    let acts = self.in_flight.forget(task);
                    self.act(acts);
                }
            }
        }
    }

    /// The same rules, in other words.
    fn is_true(&self, whole: &SegmentResult) {
        let SegmentResult { output, failed, ending } = whole;
        let numbers: Vec<_> = (0..output.len()).map(|index| output.number(index)).collect();
        assert!(numbers.is_sorted() && failed.is_sorted_by_key(|failed| failed.record));
        let one_each = self.terms.iter().all(|terms| terms.kind != Kind::FlatMap);
        let filters = self.terms.iter().all(|terms| terms.kind == Kind::Filter);
        for (number, record) in output.iter() {
            let inputs: Vec<_> = self.batch.iter().filter(|(input, _)| *input == number).collect();
            assert!(!inputs.is_empty() && (filters || record.len() < OUTPUT));
            assert!(!filters || inputs.iter().any(|(_, input)| *input == record));
        }
        for (number, _) in self.batch.iter().filter(|_| one_each) {
            let given = self.batch.iter().filter(|(input, _)| *input == number).count();
            let outputs = numbers.iter().filter(|output| **output == number).count();
            let faults = failed.iter().filter(|failed| failed.record == number).count();
            let ends = ending.iter().filter(|ending| ending.record == number).count();
            assert!(outputs + faults + ends <= given);
        }
        let known = |record| self.batch.find(record).is_some();
        assert!(failed.iter().all(|failed| known(failed.record) && failed.stage < self.terms.len()));
        if let Some(Ending { record, .. }) = ending {
            assert!(known(*record) && *record > 3 && numbers.iter().all(|number| number <= record));
        }
    }

    fn end(mut self) {
        for task in 0..TASKS {
            let acts = self.in_flight.forget(task);
            self.act(acts);
        }
        assert!(self.tokens.is_empty() && self.in_flight.drafted() == (0, 0));
    }
}

impl Forged {
    fn outcome(self, inputs: &Batch) -> Outcome {
        let failed = |(stage, record): (u8, u8)| {
            let cause = Cause::Failed { message: "no".repeat(record.into()).into(), retryable: false };
            NumberedFailure { stage: usize::from(stage % 4), record: record.into(), cause, attempts: 1 }
        };
        let ending = self.ending.map(failed);
        let mut output = BatchBuilder::default();
        let mut number = 0;
        for (step, length) in self.outputs {
            number += u64::from(step);
            // A filter gives what it was given.
            match inputs.find(number).filter(|_| length > 200) {
                Some(index) => output.push(number, |data| data.extend_from_slice(inputs.record(index))),
                None => output.push(number, |data| data.resize(data.len() + usize::from(length), b'o')),
            }
        }
        let whole = SegmentResult {
            output: output.build(),
            failed: self.faults.into_iter().map(failed).collect(),
            ending: ending.map(|NumberedFailure { stage, record, cause, .. }| Ending {
                stage,
                record,
                cause,
            }),
        };
        Outcome { worker: "one".into(), nanos: 1, whole, used: Vec::new(), printed: Vec::new() }
    }
}

fn empty(task: u8, nonce: u8) -> ResultPart {
    let (task, nonce) = (u64::from(task) % (TASKS + 1), u64::from(nonce % 8));
    ResultPart { epoch: 1, task, nonce, part: 0, parts: 1, body: Bytes::new() }
}

fn batch(records: &[(u8, u8)]) -> Batch {
    let mut batch = BatchBuilder::default();
    let mut number = 1;
    for (step, length) in records {
        number += u64::from(*step);
        batch.push(number, |data| data.resize(data.len() + usize::from(*length), b'i'));
    }
    batch.build()
}

fn records(batch: &Batch) -> Vec<(u64, Vec<u8>)> {
    batch.iter().map(|(number, record)| (number, record.to_vec())).collect()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn sent() -> impl Strategy<Value = Sent> {
        let (small, pairs) = (0..8_u8, vec((0..3_u8, any::<u8>()), 0..6));
        let part = (0..8_u8, 0..8_u8, 0..4_u8, 0..4_u8, vec(any::<u8>(), 0..2000));
        let forged = (pairs, vec((0..4_u8, 0..8_u8), 0..3), proptest::option::of((0..4_u8, 0..8_u8)));
        prop_oneof![
            1 => part.prop_map(|(task, nonce, part, parts, body)| Sent::Part { task, nonce, part, parts, body }),
            4 => (small.clone(), small.clone(), 0..99_u8, forged).prop_map(|(task, nonce, cut, forged)| {
                let (outputs, faults, ending) = forged;
                Sent::Result { task, nonce, cut, forged: Forged { outputs, faults, ending } }
            }),
            1 => (small, any::<bool>()).prop_map(|(task, found)| Sent::Looked { task, found }),
            1 => Just(Sent::Time),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_worker_messages_are_bounded_and_only_valid_ones_accepted(
            kinds in vec(0..3_u8, 1..4),
            records in vec((0..3_u8, 0..9_u8), 1..9),
            steps in vec(sent(), 0..60),
        ) {
            result(&kinds, &records, steps);
        }

        #[test]
        fn any_bytes_decode_or_are_rejected(bytes in vec(any::<u8>(), 0..200)) {
            wire(&[&[crate::cluster::protocol::wire::PROTOCOL], &bytes[..]].concat());
        }
    }
}

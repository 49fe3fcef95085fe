//! Messages come as they were sent, or not at all.

use super::*;
use crate::Cause;
use crate::record::BatchBuilder;
use crate::versions::fixture;

fn batch(records: &[(u64, &str)]) -> Batch {
    let mut builder = BatchBuilder::default();
    for (number, record) in records {
        builder.push(*number, |data| data.extend_from_slice(record.as_bytes()));
    }
    builder.build()
}

fn task() -> Task {
    let batch = batch(&[(7, "a"), (8, ""), (8, "ccc"), (11, "d")]);
    Task { epoch: 3, task: 1 << 40, attempt: 1, segment: 2, batch }
}

fn outcome() -> Outcome {
    let cause = Cause::Panicked { message: "no".into() };
    let trap = Cause::Trapped { trap: "unreachable code".into(), stderr: "oh".into() };
    let whole = SegmentResult {
        output: batch(&[(7, "x"), (8, "y")]),
        failed: vec![NumberedFailure { stage: 1, record: 8, cause, attempts: 2 }],
        ending: Some(Ending { stage: 0, record: 11, cause: trap }),
    };
    let used = vec![UsageTotals { calls: 3, longest: 1 << 40, ..UsageTotals::default() }];
    Outcome { worker: "one".into(), nanos: 5, whole, used, printed: vec![(1, "oh".into())] }
}

fn records(batch: &Batch) -> Vec<(u64, Vec<u8>)> {
    batch.iter().map(|(number, record)| (number, record.to_vec())).collect()
}

#[test]
fn messages_round_trip() {
    let sent = task();
    let came = Task::decode(&sent.encode()).unwrap();
    assert_eq!((came.epoch, came.task, came.attempt, came.segment), (3, 1 << 40, 1, 2));
    assert_eq!(records(&came.batch), records(&sent.batch));
    let mut rest = sent.batch.clone();
    let rest = Task { batch: rest.split_off(2), ..sent };
    assert_eq!(records(&Task::decode(&rest.encode()).unwrap().batch), records(&rest.batch));

    let (sent, came) = (outcome(), Outcome::decode(&outcome().encode()).unwrap());
    assert_eq!((&came.used, &came.printed), (&sent.used, &sent.printed));
    let (sent, came) = (sent.whole, came.whole);
    assert_eq!(records(&came.output), records(&sent.output));
    assert_eq!((came.failed, came.ending), (sent.failed, sent.ending));
}

#[test]
fn long_results_are_sent_in_parts() {
    let body = Bytes::from(vec![7; PART_BYTES * 2 + 1]);
    let parts = ResultPart::cut(1, 2, 3, &body, PART_BYTES);
    let lengths: Vec<_> = parts.iter().map(|part| (part.part, part.parts, part.body.len())).collect();
    assert_eq!(lengths, [(0, 3, PART_BYTES), (1, 3, PART_BYTES), (2, 3, 1)]);
    for part in parts {
        assert_eq!(ResultPart::decode(&part.encode()).unwrap(), part);
    }
    assert_eq!(ResultPart::cut(1, 2, 3, &Bytes::new(), PART_BYTES).len(), 1);
}

#[test]
fn invalid_messages_are_refused_by_the_codec() {
    assert_eq!(Task::decode(&[]).unwrap_err(), WireError::Empty);
    let mut other = task().encode().to_vec();
    other[0] = 9;
    let said = Task::decode(&other).unwrap_err().to_string();
    assert!(said.contains("version 9 of the protocol, and this is version 2"), "{said}");
    for message in [task().encode(), outcome().encode()] {
        let longer = [&message[..], &[0]].concat();
        assert!(Task::decode(&longer).is_err() && Outcome::decode(&longer).is_err());
        for end in 0..message.len() {
            assert!(Task::decode(&message[..end]).is_err());
            assert!(Outcome::decode(&message[..end]).is_err());
        }
    }
    let empty = Task { batch: Batch::empty(), ..task() };
    assert!(Task::decode(&empty.encode()).is_err());
    // Four gigabytes are claimed, and a few bytes follow.
    let claim = [&[PROTOCOL, 0, 0, 0, 0, 0, 0][..], &[0xff, 0xff, 0xff, 0xff, 0x0f]].concat();
    assert!(Task::decode(&claim).is_err());
}

#[test]
fn messages_of_this_version_keep_their_bytes() {
    let [task, part, outcome] =
        ["task", "part", "outcome"].map(|name| fixture(&format!("cluster.{PROTOCOL}/{name}")));
    assert_eq!(Task::decode(&task).unwrap().encode(), task);
    assert_eq!(ResultPart::decode(&part.clone().into()).unwrap().encode(), part);
    assert_eq!(Outcome::decode(&outcome).unwrap().encode(), outcome);
}

#[test]
fn messages_of_the_version_before_are_refused_by_its_number() {
    let before = PROTOCOL - 1;
    let [task, part, outcome] =
        ["task", "part", "outcome"].map(|name| fixture(&format!("cluster.{before}/{name}")));
    assert_eq!(Task::decode(&task).unwrap_err(), WireError::Version(before));
    assert_eq!(ResultPart::decode(&part.into()).unwrap_err(), WireError::Version(before));
    assert_eq!(Outcome::decode(&outcome).unwrap_err(), WireError::Version(before));
}

#[test]
fn damaged_messages_cause_no_panic() {
    let mut seed = 1_u64;
    for message in [task().encode(), outcome().encode()] {
        for _ in 0..20_000 {
            let mut damaged = message.to_vec();
            for _ in 0..3 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let at = (seed >> 33) as usize % damaged.len();
                damaged[at] = (seed >> 20) as u8;
            }
            if let Ok(task) = Task::decode(&damaged) {
                assert!(records(&task.batch).len() == task.batch.len());
            }
            let _ = Outcome::decode(&damaged).map(|outcome| outcome.whole.output.len());
            let _ = ResultPart::decode(&damaged.into());
        }
    }
}

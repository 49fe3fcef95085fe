//! The bounds of drafts, and what becomes of results that are refused.

use bytes::Bytes;

use super::super::draft::{MOST_DRAFTED, PART_COST};
use super::super::wire::ResultPart;
use super::*;

const MIB: usize = 1 << 20;

/// `tasks` tasks in flight, whose results may have 64 MiB each.
fn in_flight(tasks: usize) -> InFlight<u64> {
    let mut in_flight = InFlight::new(1, 0);
    for _ in 0..tasks {
        let (task, _) = in_flight.submit(64 * MIB, Duration::ZERO);
        in_flight.published(task, 0, task, Duration::ZERO);
    }
    in_flight
}

fn part(task: u64, nonce: u64, (part, parts): (u32, u32), body: &Bytes) -> ResultPart {
    ResultPart { epoch: 1, task, nonce, part, parts, body: body.clone() }
}

#[test]
fn drafts_stay_within_their_memory_limit() {
    let mut in_flight = in_flight(20);
    let body = Bytes::from(vec![0; MIB]);
    for task in 0..20 {
        for nonce in 0..2 {
            for index in 0..50 {
                let acts = in_flight.result(part(task, nonce, (index, 60), &body), 0, Duration::ZERO);
                assert!(acts.iter().all(|act| *act == Act::Release(0)));
                assert!(in_flight.drafted <= MOST_DRAFTED + MIB + PART_COST);
            }
        }
    }
    // Empty parts are not for nothing.
    for task in 0..20 {
        for index in 0..60_000 {
            in_flight.result(part(task, 7, (index, 60_000), &Bytes::new()), 0, Duration::ZERO);
            assert!(in_flight.drafted <= MOST_DRAFTED + 2 * PART_COST);
        }
    }
    (0..20).for_each(|task| drop(in_flight.forget(task)));
    assert_eq!((in_flight.drafted, in_flight.held, in_flight.len()), (0, 0, 0));
}

#[test]
fn an_oversized_result_is_refused_and_its_parts_ignored() {
    let mut in_flight = in_flight(1);
    let body = Bytes::from(vec![0; MIB]);
    let sent: Vec<_> = (0..100)
        .flat_map(|index| in_flight.result(part(0, 5, (index, 100), &body), 0, Duration::ZERO))
        .filter(|act| *act != Act::Release(0))
        .collect();
    assert_eq!(sent, [Act::Look { task: 0, attempt: 0, sequence: 0 }, Act::TooLarge { task: 0 }]);
    assert_eq!(in_flight.drafted, 0);
    // This number of parts would cost too much, whatever is in them.
    let acts = in_flight.result(part(0, 6, (0, u32::MAX), &Bytes::new()), 0, Duration::ZERO);
    assert!(acts.contains(&Act::TooLarge { task: 0 }));
    // An honest one is taken all the same.
    let acts = in_flight.result(part(0, 8, (0, 1), &body), 0, Duration::ZERO);
    assert!(acts.iter().any(|act| matches!(act, Act::Done { task: 0, nonce: 8, .. })));
}

#[test]
fn a_task_with_a_refused_result_is_redispatched_at_once() {
    let mut in_flight = in_flight(1);
    let body = Bytes::from_static(b"x");
    for attempt in 0..MOST_ATTEMPTS {
        let nonce = u64::from(attempt);
        let acts = in_flight.result(part(0, nonce, (0, 1), &body), 0, Duration::ZERO);
        assert!(acts.iter().any(|act| matches!(act, Act::Done { .. })));
        assert_eq!(
            in_flight.refuse(0, nonce, Duration::ZERO),
            Some(Act::Look { task: 0, attempt, sequence: 0 })
        );
        in_flight.looked(0, attempt, false, Duration::ZERO);
        let acts = in_flight.tick(Duration::ZERO);
        let last = attempt + 1 == MOST_ATTEMPTS;
        let again = Act::Publish { task: 0, attempt: attempt + 1 };
        assert_eq!(acts, [if last { Act::GiveUp { task: 0 } } else { again }]);
        in_flight.published(0, attempt + 1, 0, Duration::ZERO);
    }
}

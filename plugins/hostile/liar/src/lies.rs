//! What a broken outcome looks like. Each lie gets a true outcome, and breaks one rule of it.

use crate::engine::plugin::host;
use crate::{Batch, Failure, Kind, Outcome};

/// Breaks an outcome.
pub(crate) type Lie = fn(&mut Outcome);

/// The functions: their names, kinds and lies.
pub(crate) const ALL: &[(&str, Kind, Lie)] = &[
    ("ends_descend", Kind::FlatMap, ends_descend),
    ("progress_forever", Kind::Sink, |_| claim(&[0])),
    ("progress_to_and_fro_forever", Kind::Sink, |_| claim(&[1, 0])),
    ("progress_beyond_forever", Kind::Sink, |outcome| {
        claim(&[outcome.consumed, outcome.consumed + 1, u32::MAX])
    }),
    ("begins_all_and_panics_at_the_first", Kind::Sink, begins_all_and_panics_at_the_first),
    ("begins_all_and_fails_at_the_first", Kind::Sink, begins_all_and_fails_at_the_first),
    ("goes_on_after_a_failure", Kind::Sink, |outcome| fail_alone(outcome, 0)),
    ("ends_overrun", Kind::Map, |outcome| *last(&mut outcome.output.ends) = u32::MAX),
    ("ends_missing", Kind::Map, |outcome| outcome.output.ends.clear()),
    ("ends_too_many", Kind::Map, ends_too_many),
    ("data_too_short", Kind::Map, |outcome| outcome.output.data.truncate(outcome.output.data.len() - 1)),
    ("data_too_long", Kind::Map, |outcome| outcome.output.data.push(b'x')),
    ("data_missing", Kind::Map, |outcome| outcome.output.data.clear()),
    ("not_utf8", Kind::Map, |outcome| outcome.output.data[0] = 0xff),
    ("line_breaks", Kind::Map, |outcome| outcome.output.data[0] = b'\n'),
    ("counts_wrong_len", Kind::FlatMap, |outcome| counts(outcome, 1, 1)),
    ("counts_wrong_sum", Kind::FlatMap, |outcome| counts(outcome, 2, 0)),
    ("map_two_outputs", Kind::Map, map_two_outputs),
    ("filter_keeps_two", Kind::Filter, |outcome| counts(outcome, 2, 0)),
    ("huge_counts", Kind::FlatMap, |outcome| counts(outcome, u32::MAX, 0)),
    ("failure_index_out", Kind::Map, |outcome| fail(outcome, &[outcome.consumed])),
    ("failures_unsorted", Kind::Map, |outcome| fail(outcome, &[outcome.consumed - 1, 0])),
    ("failure_with_output", Kind::FlatMap, failure_with_output),
    ("consumed_zero", Kind::Map, consumed_zero),
    ("consumed_too_many", Kind::Map, |outcome| outcome.consumed += 1),
    ("consumed_huge", Kind::Filter, |outcome| outcome.consumed = u32::MAX),
    ("consumed_early", Kind::Filter, |outcome| outcome.consumed = 1),
    ("filter_with_output", Kind::Filter, |outcome| outcome.output = one_record()),
    ("sink_with_output", Kind::Sink, |outcome| outcome.output = one_record()),
    ("sink_with_counts", Kind::Sink, |outcome| counts(outcome, 1, 0)),
];

/// No lie.
pub(crate) fn none(_: &mut Outcome) {}

/// Claims this progress again and again.
fn claim(progress: &[u32]) {
    loop {
        progress.iter().for_each(|done| host::progress(*done));
    }
}

/// Every record is begun, and the first one is said to be at fault: those after it are not to be begun again.
fn begins_all_and_panics_at_the_first(outcome: &mut Outcome) {
    (1..outcome.consumed).for_each(host::progress);
    host::panicked(0, "a lie");
    unreachable!()
}

/// The same with a failure, of which the outcome tells.
fn begins_all_and_fails_at_the_first(outcome: &mut Outcome) {
    (1..outcome.consumed).for_each(host::progress);
    outcome.consumed = 1;
    fail_alone(outcome, 0);
}

/// The record at `index` failed; a sink counts nothing.
fn fail_alone(outcome: &mut Outcome, index: u32) {
    outcome.failures = vec![Failure { index, message: "a lie".to_owned(), retryable: false }];
}

/// Two outputs of which the second ends before the first; everything else adds up.
fn ends_descend(outcome: &mut Outcome) {
    counts(outcome, 0, 0);
    outcome.counts.as_mut().expect("set above")[0] = 2;
    outcome.output = Batch { data: b"xx".to_vec(), ends: vec![3, 1] };
}

/// One output more than there were records, and none of it counted.
fn ends_too_many(outcome: &mut Outcome) {
    let end = *last(&mut outcome.output.ends);
    outcome.output.data.extend(b"x\n");
    outcome.output.ends.push(end + 2);
}

/// Two outputs of each record, as a flat-map may give them.
fn map_two_outputs(outcome: &mut Outcome) {
    let count = outcome.consumed * 2;
    counts(outcome, 2, 0);
    outcome.output =
        Batch { data: b"x\n".repeat(count as usize), ends: (0..count).map(|i| i * 2 + 1).collect() };
}

/// The first record failed, and gave an output.
fn failure_with_output(outcome: &mut Outcome) {
    let output = outcome.output.clone();
    fail(outcome, &[0]);
    outcome.output = output;
    counts(outcome, 1, 0);
}

/// Not a single record done, so that the host would ask for ever.
fn consumed_zero(outcome: &mut Outcome) {
    outcome.output = Batch { data: Vec::new(), ends: Vec::new() };
    outcome.consumed = 0;
}

/// Sets a count for each record, and for some that there aren't.
fn counts(outcome: &mut Outcome, count: u32, more: usize) {
    outcome.counts = Some(vec![count; outcome.consumed as usize + more]);
}

/// Says that the records at `indices` failed, and that no record gave an output.
fn fail(outcome: &mut Outcome, indices: &[u32]) {
    let failure = |&index| Failure { index, message: "a lie".to_owned(), retryable: false };
    outcome.failures = indices.iter().map(failure).collect();
    outcome.output = Batch { data: Vec::new(), ends: Vec::new() };
    counts(outcome, 0, 0);
}

fn one_record() -> Batch {
    Batch { data: b"x\n".to_vec(), ends: vec![1] }
}

fn last(ends: &mut [u32]) -> &mut u32 {
    ends.last_mut().expect("a batch that holds `bad` holds a record")
}

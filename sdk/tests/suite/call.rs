//! Calls of functions by name, with records and outputs as text.

use engine_sdk::__private::{Batch, Outcome, Process, open};

/// Far more than any test writes.
const ROOM: u32 = 1 << 20;

/// Opens `name` with arguments.
pub(crate) fn open_with(name: &str, arguments: &[(&str, &str)]) -> Result<Process, String> {
    let owned = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
    open(name, arguments.iter().map(owned).collect(), None)
}

/// The outcome of `name` without arguments over `records`.
pub(crate) fn call(name: &str, records: &[&str]) -> Outcome {
    call_with(name, &[], ROOM, records)
}

/// The outcome of `name` over `records`.
pub(crate) fn call_with(name: &str, arguments: &[(&str, &str)], room: u32, records: &[&str]) -> Outcome {
    let process = open_with(name, arguments).expect("the function opens");
    process.process(&batch(records), None, room)
}

/// The records of an outcome.
pub(crate) fn outputs(outcome: &Outcome) -> Vec<&str> {
    let Batch { data, ends } = &outcome.output;
    let mut start = 0;
    let mut records = Vec::new();
    for &end in ends {
        records.push(std::str::from_utf8(&data[start..end as usize]).expect("the output is text"));
        start = end as usize + 1;
    }
    assert_eq!(start, data.len(), "nothing follows the last record");
    records
}

/// The failures of an outcome, by index.
pub(crate) fn failures(outcome: &Outcome) -> Vec<(u32, &str)> {
    outcome.failures.iter().map(|failure| (failure.index, failure.message.as_str())).collect()
}

/// Records as the host gives them.
pub(crate) fn batch(records: &[&str]) -> Batch {
    let mut batch = Batch { data: Vec::new(), ends: Vec::new() };
    for record in records {
        batch.data.extend_from_slice(record.as_bytes());
        batch.ends.push(batch.data.len() as u32);
        batch.data.push(b'\n');
    }
    batch
}

//! An outcome that a guest returns is accepted only if it fits the call, and an accepted one can be read to its end.
#![no_main]

use arbitrary::Arbitrary;
use engine::fuzzing::Said;
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Call {
    kind: u8,
    /// The records that the guest was given, by their lengths.
    input: Vec<u8>,
    data: Vec<u8>,
    /// The length of each record: a valid layout is unlikely to be found by chance.
    steps: Vec<u8>,
    lie: Option<(u8, u32)>,
    counts: Option<Vec<u8>>,
    failures: Vec<(u8, bool)>,
    consumed: u8,
}

fuzz_target!(|call: Call| {
    let mut end = 0_u32;
    let mut ends: Vec<u32> = Vec::new();
    for step in &call.steps {
        end += u32::from(*step);
        ends.push(end);
        end += 1;
    }
    let mut data = call.data;
    if call.lie.is_none() {
        data.resize(end as usize, b'x');
    }
    if let Some((at, lie)) = call.lie
        && let Some(end) = ends.get_mut(usize::from(at))
    {
        *end = lie;
    }
    let said = Said {
        data,
        ends,
        counts: call.counts.map(|counts| counts.into_iter().map(u32::from).collect()),
        failures: call.failures.into_iter().map(|(index, retryable)| (u32::from(index), retryable)).collect(),
        consumed: u32::from(call.consumed),
    };
    engine::fuzzing::outcome(call.kind, &call.input, said);
});

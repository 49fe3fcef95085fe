//! Whatever a worker sends, in whatever order: the host keeps no more of it than its limits allow, and accepts only
//! what the task's functions can have made.
#![no_main]

use arbitrary::Arbitrary;
use engine::fuzzing::{Forged, Sent};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Run {
    kinds: Vec<u8>,
    /// The task's records: the distance of each number from the one before, and the record's length.
    records: Vec<(u8, u8)>,
    steps: Vec<Step>,
}

#[derive(Arbitrary, Debug)]
enum Step {
    Part {
        task: u8,
        nonce: u8,
        part: u8,
        parts: u8,
        body: Vec<u8>,
    },
    Result {
        task: u8,
        nonce: u8,
        cut: u8,
        outputs: Vec<(u8, u8)>,
        faults: Vec<(u8, u8)>,
        ending: Option<(u8, u8)>,
    },
    Looked {
        task: u8,
        found: bool,
    },
    Time,
}

impl From<Step> for Sent {
    fn from(step: Step) -> Self {
        match step {
            Step::Part { task, nonce, part, parts, body } => Self::Part { task, nonce, part, parts, body },
            Step::Result { task, nonce, cut, outputs, faults, ending } => {
                Self::Result { task, nonce, cut, forged: Forged { outputs, faults, ending } }
            }
            Step::Looked { task, found } => Self::Looked { task, found },
            Step::Time => Self::Time,
        }
    }
}

fuzz_target!(|run: Run| {
    let steps = run.steps.into_iter().map(Sent::from).collect();
    engine::fuzzing::result(&run.kinds, &run.records, steps);
});

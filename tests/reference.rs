//! Random chains over random records, against an interpreter that takes one record at a time.

use engine::{Error, FaultPolicy, Function, Pool, Source, sources};
use proptest::prelude::*;

use crate::support::{DeadLetters, divert_to_list, hostile, list, runner};

/// A stage of a chain, for the plugin and for the interpreter.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Keeps even numbers; fails for text that is no number.
    Even,
    /// Emits each record twice.
    Twice,
    /// 100 divided by the record; 0 panics.
    Divides,
    /// Panics at `bad`.
    Panics,
    /// Traps at `bad`, without a message.
    Unreachable,
    /// Sleeps for some records, and computes for others.
    Lingers,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Self::Even => "even",
            Self::Twice => "twice",
            Self::Divides => "divides",
            Self::Panics => "panics",
            Self::Unreachable => "unreachable",
            Self::Lingers => "lingers",
        }
    }

    /// Its outputs for one record; none if it fails.
    fn interpret(self, record: &str) -> Option<Vec<String>> {
        let number = record.parse::<i64>().ok();
        let same = || vec![record.to_owned()];
        match self {
            Self::Even => number.map(|x| if x % 2 == 0 { same() } else { Vec::new() }),
            Self::Twice => Some(vec![record.to_owned(); 2]),
            Self::Divides => number.and_then(|x| 100_i64.checked_div(x)).map(|x| vec![x.to_string()]),
            Self::Lingers => Some(same()),
            Self::Panics | Self::Unreachable => (record != "bad").then(same),
        }
    }
}

/// The outputs until the first record that fails, and its number.
fn interpret(chain: &[Stage], records: &[String]) -> (Vec<String>, Option<u64>) {
    let mut outputs = Vec::new();
    for (number, record) in (1..).zip(records) {
        let all = chain.iter().try_fold(vec![record.clone()], |inputs, stage| {
            inputs
                .iter()
                .map(|input| stage.interpret(input))
                .collect::<Option<Vec<_>>>()
                .map(|lists| lists.concat())
        });
        match all {
            Some(given) => outputs.extend(given),
            None => return (outputs, Some(number)),
        }
    }
    (outputs, None)
}

/// All outputs, and each failed element: its record's number, the stage and the record.
fn interpret_on(chain: &[Stage], records: &[String]) -> (Vec<String>, Vec<FailedRecord>) {
    let (mut outputs, mut failed_records) = (Vec::new(), Vec::new());
    for (number, record) in (1..).zip(records) {
        outputs.extend(chain.iter().fold(vec![record.clone()], |inputs, stage| {
            let mut given = Vec::new();
            for input in inputs {
                match stage.interpret(&input) {
                    Some(outputs) => given.extend(outputs),
                    None => failed_records.push((number, stage.name().to_owned(), record.clone())),
                }
            }
            given
        }));
    }
    failed_records.sort();
    (outputs, failed_records)
}

/// A record's number, the function that failed for it, and the record as it was read.
type FailedRecord = (u64, String, String);

/// The dead letters, sorted: segments of a chain write theirs at different times.
fn failed_records(letters: &DeadLetters) -> Vec<FailedRecord> {
    let letters = letters.take();
    let text = |record: std::sync::Arc<[u8]>| String::from_utf8(record.to_vec()).unwrap();
    let mut letters: Vec<_> = letters
        .into_iter()
        .map(|letter| (letter.fault.record, letter.fault.function.to_string(), text(letter.record)))
        .collect();
    letters.sort();
    letters
}

/// The same by the engine; `buffers` says after which stages a segment ends, and its bound.
async fn run(
    pool: &Pool,
    chain: &[Stage],
    buffers: &[Option<usize>],
    records: &[String],
    policy: &FaultPolicy,
) -> (Vec<String>, Option<u64>) {
    let plugin = pool.blocking_load(hostile("misdeeds")).unwrap();
    let (outputs, list) = list();
    let source = Source::<Vec<u8>>::new();
    let mut scattered = source.stream().scatter(pool);
    for (stage, buffer) in chain.iter().zip(buffers) {
        let function: Function<Vec<u8>, Vec<u8>> = plugin.function(stage.name()).unwrap();
        scattered = scattered.apply(&function.on_fault(policy));
        if let Some(n) = buffer {
            scattered = scattered.buffer(*n);
        }
    }
    scattered
        .gather()
        .sink(move |record: Vec<u8>| list.lock().unwrap().push(String::from_utf8(record).unwrap()));
    let text: String = records.iter().map(|record| format!("{record}\n")).collect();
    let emitted = sources::lines(std::io::Cursor::new(text)).emit_into(&source).await;
    let fault = match source.close().await.and(emitted) {
        Ok(()) => None,
        Err(Error::Fault(fault)) => Some(fault.record),
        Err(error) => panic!("{error}"),
    };
    let outputs = std::mem::take(&mut *outputs.lock().unwrap());
    (outputs, fault)
}

fn stages() -> impl Strategy<Value = Vec<(Stage, Option<usize>)>> {
    let stage = prop_oneof![
        Just(Stage::Even),
        Just(Stage::Twice),
        Just(Stage::Divides),
        Just(Stage::Panics),
        Just(Stage::Unreachable),
        Just(Stage::Lingers)
    ];
    let buffer = prop_oneof![3 => Just(None), 1 => (1_usize..2000).prop_map(Some)];
    prop::collection::vec((stage, buffer), 1..5)
}

/// Many valid records, and few that some stage may fail for.
fn records() -> impl Strategy<Value = Vec<String>> {
    let fine = (1_i64..50).prop_map(|x| (2 * x).to_string());
    let odd = prop_oneof![
        4 => (1_i64..50).prop_map(|x| (2 * x + 1).to_string()),
        1 => Just("0".to_owned()),
        1 => Just("bad".to_owned())
    ];
    let length = prop_oneof![0_usize..20, 1000_usize..5000];
    (length, prop::collection::vec((odd, 0.0..2.0), 0..12), fine).prop_map(|(length, odd, fine)| {
        let mut records: Vec<_> =
            (0..length).map(|x| if x % 3 == 0 { fine.clone() } else { (x * 2 + 2).to_string() }).collect();
        for (record, place) in odd {
            // Positions after the end are left out.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a place in a short list"
            )]
            let place = (place * length as f64) as usize;
            if let Some(found) = records.get_mut(place) {
                *found = record;
            }
        }
        records
    })
}

#[test]
fn random_chains_match_the_interpreter() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut runner = runner(60);
    let cases = (stages(), records(), 1_usize..4, 1_usize..3000);
    runner
        .run(&cases, |(stages, records, workers, last)| {
            let (chain, mut buffers): (Vec<_>, Vec<_>) = stages.into_iter().unzip();
            // Without a buffer, records would run one at a time.
            if let Some(buffer) = buffers.last_mut() {
                buffer.get_or_insert(last);
            }
            let pool = Pool::builder().threads(workers).build().unwrap();
            let did = runtime.block_on(run(&pool, &chain, &buffers, &records, &FaultPolicy::stop()));
            prop_assert_eq!(did, interpret(&chain, &records));
            let (policy, letters) = divert_to_list();
            let (outputs, fault) = runtime.block_on(run(&pool, &chain, &buffers, &records, &policy));
            prop_assert_eq!(fault, None);
            prop_assert_eq!((outputs, failed_records(&letters)), interpret_on(&chain, &records));
            Ok(())
        })
        .unwrap();
}

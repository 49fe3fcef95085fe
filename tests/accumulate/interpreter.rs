//! Random records, runs and settings against an interpreter of one function.

use std::collections::BTreeMap;
use std::io::Cursor;

use engine::function::Isolation;
use engine::{Error, FaultPolicy, Function, Pool, Source, Stream, sources};
use proptest::prelude::*;

use super::support::Bytes;
use crate::support::{Ran, divert_to_list, list, misbehaving, runner};

/// The state of the function `total`, and what it does with a record.
#[derive(Clone, Default)]
struct Sum {
    sum: i64,
    words: BTreeMap<String, f64>,
}

impl Sum {
    /// Takes a record: gives nothing, an output, or a fault, which leaves the state as it was.
    fn take(&mut self, record: &str) -> Result<Option<String>, &'static str> {
        let (word, number) = record.split_once(' ').unwrap_or(("", record));
        let number: i64 = number.parse().map_err(|_| "failed")?;
        match word {
            "fail" | "later" => return Err("failed"),
            "panic" => return Err("panicked"),
            "exit" => return Err("exited"),
            "hoard" => return Err("out-of-memory"),
            "trap" => return Err("trapped"),
            "loop" | "sleep" => return Err("timed-out"),
            _ => {}
        }
        self.sum += number;
        let thirds = self.words.entry(word.to_owned()).or_default();
        *thirds += 1.0 / 3.0;
        Ok((word != "skip").then(|| format!("{word} {} {thirds:?}", self.sum)))
    }
}

/// The key of a record in these tests: the sign and the last digit of its number.
fn key(record: &Bytes) -> String {
    let digit = record.last().copied().filter(u8::is_ascii_digit).unwrap_or(b'x');
    format!("{}{}", record.contains(&b'-'), char::from(digit / 4))
}

/// Outputs, and the number and kind of each fault.
type Given = (Vec<String>, Vec<(u64, String)>);

/// A naive interpreter: one record after another.
fn interpret(records: &[String], by_key: bool) -> Given {
    let (mut outputs, mut faults) = (Vec::new(), Vec::new());
    let mut states = BTreeMap::<String, Sum>::new();
    for (number, record) in (1..).zip(records) {
        let key = if by_key { key(&record.as_bytes().to_vec()) } else { String::new() };
        match states.entry(key).or_default().take(record) {
            Ok(given) => outputs.extend(given),
            Err(kind) => faults.push((number, kind.to_owned())),
        }
    }
    (outputs, faults)
}

/// How the engine runs the same.
#[derive(Clone, Debug)]
struct Setting {
    isolation: Isolation,
    by_key: bool,
    /// With scattered functions before and after it.
    scattered: bool,
    /// Emitted one by one.
    singly: bool,
}

fn settings() -> impl Strategy<Value = Setting> {
    let isolation = prop_oneof![
        3 => Just(Isolation::Thread),
        2 => Just(Isolation::Batch),
        1 => Just(Isolation::Record)
    ];
    (isolation, any::<bool>(), any::<bool>(), prop::bool::weighted(0.2))
        .prop_map(|(isolation, by_key, scattered, singly)| Setting { isolation, by_key, scattered, singly })
}

fn pool(isolation: Isolation) -> Pool {
    Pool::builder().threads(2).memory(16 << 20).isolation(isolation).build().unwrap()
}

/// Puts the function into a graph.
fn attach(stream: Stream<Bytes>, function: &Function<Bytes, Bytes>, setting: &Setting) -> Stream<Bytes> {
    let same = misbehaving::<Bytes, Bytes>(&function.pool(), "same");
    if setting.scattered && setting.by_key {
        // Keys run concurrently.
        let before = stream.scatter(&function.pool()).map(&same).buffer(500);
        return before.accumulate_by(key, function).map(&same).buffer(500).gather();
    }
    let scatter = |stream: Stream<Bytes>| stream.scatter(&function.pool()).map(&same).buffer(500).gather();
    let stream = if setting.scattered { scatter(stream) } else { stream };
    let stream =
        if setting.by_key { stream.accumulate_by(key, function) } else { stream.accumulate(function) };
    if setting.scattered { scatter(stream) } else { stream }
}

async fn run(setting: &Setting, records: &[String], policy: &FaultPolicy) -> Ran<String> {
    let pool = pool(setting.isolation);
    let total = misbehaving::<Bytes, Bytes>(&pool, "total").on_fault(policy);
    let source = Source::<Bytes>::new();
    let (outputs, list) = list();
    attach(source.stream(), &total, setting)
        .sink(move |record: Bytes| list.lock().unwrap().push(String::from_utf8(record).unwrap()));
    let mut emitted = Ok(());
    if setting.singly {
        for record in records {
            emitted = source.emit(record.clone().into_bytes()).await;
            if emitted.is_err() {
                break;
            }
        }
    } else {
        let text: String = records.iter().map(|record| format!("{record}\n")).collect();
        emitted = sources::lines(Cursor::new(text)).emit_into(&source).await;
    }
    let ended = source.close().await.and(emitted);
    let outputs = std::mem::take(&mut *outputs.lock().unwrap());
    (outputs, ended)
}

/// Many valid records, and few of all other kinds.
fn records() -> impl Strategy<Value = Vec<String>> {
    let number = -1000_i64..1000;
    let odd = (
        prop_oneof![
            4 => Just("fail"), 4 => Just("panic"), 3 => Just("trap"), 3 => Just("exit"), 3 => Just("skip"),
            8 => Just("leak"), 2 => Just("later"), 1 => Just("hoard"), 4 => Just("x")
        ],
        number.clone(),
    )
        .prop_map(|(word, x)| if word == "x" { format!("{x}x") } else { format!("{word} {x}") });
    let odd = prop::collection::vec((0.0..1.0_f64, odd), 0..25);
    (prop::collection::vec(number, 0..3000), odd).prop_map(|(numbers, odd)| {
        let mut records: Vec<_> = numbers.iter().map(ToString::to_string).collect();
        for (place, record) in odd {
            let place = (place * records.len() as f64) as usize;
            if let Some(found) = records.get_mut(place) {
                *found = record;
            }
        }
        records
    })
}

#[test]
fn random_records_match_the_interpreter() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runner(60)
        .run(&(settings(), records()), |(setting, records)| {
            // A separate sandbox for each takes time.
            let many = if setting.isolation == Isolation::Record { 300 } else { 3000 };
            let records = &records[..records.len().min(many)];
            let (outputs, faults) = interpret(records, setting.by_key);
            let (policy, letters) = divert_to_list();
            let (given, ended) = runtime.block_on(run(&setting, records, &policy));
            prop_assert!(ended.is_ok(), "{:?}", ended);
            let letters = letters.take();
            let told: Vec<_> = letters
                .iter()
                .map(|letter| (letter.fault.record, letter.fault.cause.kind().to_owned()))
                .collect();
            prop_assert_eq!(&given, &outputs);
            prop_assert_eq!(&told, &faults);
            for letter in &letters {
                let record = &records[letter.fault.record as usize - 1];
                prop_assert_eq!(&*letter.record, record.as_bytes());
            }
            // The first fault ends the run, after the records before it.
            let (given, ended) = runtime.block_on(run(&setting, records, &FaultPolicy::stop()));
            let ended = match ended {
                Ok(()) => None,
                Err(Error::Fault(fault)) => Some((fault.record, fault.cause.kind().to_owned())),
                Err(error) => panic!("{error}"),
            };
            let until = faults.first().map_or(records.len(), |(record, _)| *record as usize - 1);
            prop_assert_eq!(ended, faults.first().cloned());
            prop_assert_eq!(given, interpret(&records[..until], setting.by_key).0);
            Ok(())
        })
        .unwrap();
}

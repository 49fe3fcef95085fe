//! Accumulators: their outputs match a naive interpreter, whatever happens to their instances.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Cursor, Write};
use std::process::Stdio;
use std::time::Duration;

use engine::error::FunctionError;
use engine::function::Isolation;
use engine::operators::Part;
use engine::policy::DeadLetter;
use engine::{Cause, Error, FaultPolicy, Function, Json, Pool, Source, Stream, sources};
use proptest::prelude::*;

use crate::support::{
    List, Ran, engine, fed, function_of, hostile, list, misbehaving, plugin, ran, root, runner,
};

type Bytes = Vec<u8>;

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
        3 => Just(Isolation::Worker),
        2 => Just(Isolation::Batch),
        1 => Just(Isolation::Record)
    ];
    (isolation, any::<bool>(), any::<bool>(), prop::bool::weighted(0.2))
        .prop_map(|(isolation, by_key, scattered, singly)| Setting { isolation, by_key, scattered, singly })
}

fn pool(isolation: Isolation) -> Pool {
    Pool::builder().threads(2).memory(16 << 20).isolation(isolation).build().unwrap()
}

fn diverting() -> (FaultPolicy, List<DeadLetter>) {
    let (letters, list) = list();
    let policy = FaultPolicy::divert(move |letter| {
        list.lock().unwrap().push(letter);
        Ok(())
    });
    (policy, letters)
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
            let (policy, letters) = diverting();
            let (given, ended) = runtime.block_on(run(&setting, records, &policy));
            prop_assert!(ended.is_ok(), "{:?}", ended);
            let letters = std::mem::take(&mut *letters.lock().unwrap());
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

fn lines(records: &[&str]) -> Vec<Bytes> {
    records.iter().map(|record| record.as_bytes().to_vec()).collect()
}

fn text(records: Vec<Bytes>) -> Vec<String> {
    records.into_iter().map(|record| String::from_utf8(record).unwrap()).collect()
}

#[tokio::test]
async fn a_record_that_times_out_leaves_no_trace_in_the_state() {
    let pool = Pool::builder().threads(1).timeout(Duration::from_millis(300)).build().unwrap();
    let (policy, letters) = diverting();
    let total = misbehaving::<Bytes, Bytes>(&pool, "total").on_fault(&policy);
    let source = Source::<Bytes>::new();
    let (outputs, list) = list();
    source.stream().accumulate(&total).sink(move |record: Bytes| list.lock().unwrap().push(record));
    let input = "1\n2\nloop 3\n4\nsleep 5\n6\n".repeat(2);
    sources::lines(Cursor::new(input)).emit_into(&source).await.unwrap();
    source.close().await.unwrap();
    let sums: Vec<_> = text(std::mem::take(&mut *outputs.lock().unwrap()))
        .iter()
        .map(|output| output.split(' ').nth(1).unwrap().parse::<i64>().unwrap())
        .collect();
    assert_eq!(sums, [1, 3, 7, 13, 14, 16, 20, 26]);
    let faults: Vec<_> = letters
        .lock()
        .unwrap()
        .iter()
        .map(|letter| (letter.fault.record, letter.fault.cause.kind()))
        .collect();
    assert_eq!(faults, [3, 5, 9, 11].map(|record| (record, "timed-out")));
}

#[tokio::test]
async fn a_retried_record_sees_the_state_before_it() {
    let pool = Pool::new().unwrap();
    let (policy, letters) = diverting();
    let total = misbehaving::<Bytes, Bytes>(&pool, "total").on_fault(&policy.retries(2));
    let (outputs, ended) = ran(lines(&["1", "later 100", "2"]), |stream| stream.accumulate(&total)).await;
    ended.unwrap();
    assert_eq!(text(outputs), [" 1 0.3333333333333333", " 3 0.6666666666666666"]);
    let letters = letters.lock().unwrap();
    assert_eq!((letters.len(), letters[0].fault.record, letters[0].attempts), (1, 2, 3));
}

#[tokio::test]
async fn each_key_has_its_state_and_a_record_without_one_is_a_fault() {
    let pool = Pool::new().unwrap();
    let (policy, letters) = diverting();
    let keeps = misbehaving::<Json<serde_json::Value>, u32>(&pool, "keeps").on_fault(&policy);
    let records = [r#"{"u":1}"#, r#"{"u":22}"#, r#"{"u": 1}"#, r#"{"v":1}"#, "7", r#"{"u":22}"#];
    let records = records.map(|record| Json(serde_json::from_str(record).unwrap()));
    let (outputs, ended) = ran(records, |stream| stream.accumulate_by(Part::from("u"), &keeps)).await;
    ended.unwrap();
    assert_eq!(outputs, [7, 8, 14, 16]);
    let letters = letters.lock().unwrap();
    let said: Vec<_> = letters.iter().map(|letter| letter.fault.to_string()).collect();
    assert_eq!(said[0], r#"record 4: keeps: "{\"v\":1}" has no field "u", which is the key"#);
    assert!(said[1].starts_with(r#"record 5: keeps: "7" has no field "u", which is the key"#), "{}", said[1]);
}

#[tokio::test]
async fn a_state_may_be_large_and_outlives_its_instance() {
    // Of 64 MiB the state takes up to 6, several times while it is written and read.
    let pool = Pool::builder().threads(1).isolation(Isolation::Batch).build().unwrap();
    let keeps = misbehaving::<String, u32>(&pool, "keeps").with("times", 1 << 20).unwrap();
    let (outputs, ended) = ran(vec!["a".to_owned(); 6], |stream| stream.accumulate(&keeps)).await;
    ended.unwrap();
    assert_eq!(outputs, (1..=6).map(|n| n << 20).collect::<Vec<u32>>());
}

#[tokio::test]
async fn an_oversized_state_is_a_fault_of_its_record() {
    let pool = Pool::builder().threads(1).memory(8 << 20).build().unwrap();
    let (policy, letters) = diverting();
    let keeps = misbehaving::<String, u32>(&pool, "keeps").with("times", 1 << 20).unwrap().on_fault(&policy);
    let records = ["a", "aaaaaaaaaaaa", "b"].map(str::to_owned);
    let (outputs, ended) = ran(records, |stream| stream.accumulate(&keeps)).await;
    ended.unwrap();
    assert_eq!(outputs, [1 << 20, 2 << 20]);
    let letters = letters.lock().unwrap();
    let faults: Vec<_> =
        letters.iter().map(|letter| (letter.fault.record, letter.fault.cause.kind())).collect();
    assert_eq!(faults, [(2, "out-of-memory")]);
}

#[tokio::test]
async fn a_state_that_cannot_be_saved_ends_the_run() {
    let pool = Pool::builder().threads(1).isolation(Isolation::Batch).build().unwrap();
    let quotient = misbehaving::<f64, String>(&pool, "quotient");
    let (outputs, ended) = ran([2.0, 0.0, 1.0], |stream| stream.accumulate(&quotient)).await;
    assert_eq!(outputs, ["0.5", "inf"]);
    let Err(Error::Function(FunctionError::State { function, cause: Cause::Failed { message, .. } })) = ended
    else {
        panic!("{ended:?}")
    };
    assert_eq!(function, "quotient");
    assert!(message.contains("no JSON"), "{message}");
}

#[tokio::test]
async fn a_function_that_is_not_deterministic_is_detected() {
    let pool = Pool::new().unwrap();
    let disagrees = misbehaving::<String, u64>(&pool, "disagrees").on_fault(&FaultPolicy::skip());
    let records = ["a", "b", "bad", "c", "bad", "d"].map(str::to_owned);
    let (outputs, ended) = ran(records, |stream| stream.accumulate(&disagrees)).await;
    assert_eq!(outputs[..2], [0, 1]);
    if let Err(error) = ended {
        let said = error.to_string();
        assert!(said.starts_with("disagrees can't be brought back to its state: "), "{said}");
    }
}

/// The result of a function of the plugin `liar` for these records, with a sandbox per call.
async fn ran_liar(name: &str, records: &[&str]) -> Ran<String> {
    let builder = Pool::builder().threads(1).timeout(Duration::from_millis(300)).memory(32 << 20);
    let pool = builder.isolation(Isolation::Batch).build().unwrap();
    let function = pool.blocking_load(hostile("liar")).unwrap().function::<String, String>(name).unwrap();
    let source = Source::<String>::new();
    let (outputs, list) = list();
    source.stream().accumulate(&function).sink(move |x: String| list.lock().unwrap().push(x));
    let text: String = records.iter().map(|record| format!("{record}\n")).collect();
    let emitted = sources::lines(Cursor::new(text)).emit_into(&source).await;
    let ended = source.close().await.and(emitted);
    let outputs = std::mem::take(&mut *outputs.lock().unwrap());
    (outputs, ended)
}

#[tokio::test]
async fn a_failing_state_function_ends_the_run_with_one_line() {
    let (outputs, ended) = ran_liar("has_a_state", &["a", "b", "c"]).await;
    ended.unwrap();
    assert_eq!(outputs, ["a", "b", "c"]);
    for (name, said) in [
        ("loops_in_state", "loops_in_state can't hand over its state: it took longer than 300ms"),
        ("panics_in_state", "panics_in_state can't hand over its state: it trapped: unreachable code"),
        ("refuses_state", "refuses_state can't hand over its state: it I won't tell\u{fffd}[2J fake line"),
        ("huge_state", "huge_state can't hand over its state: it needed more than 32.0 MiB of memory"),
        ("loops_with_state", "loops_with_state can't be opened: it took longer than 300ms"),
        ("panics_with_state", "panics_with_state can't be opened: it trapped: unreachable code"),
        ("refuses_with_state", "refuses_with_state can't be opened: I won't go on\u{fffd}[2J fake line"),
    ] {
        let (outputs, ended) = ran_liar(name, &["a", "b", "c"]).await;
        let error = ended.unwrap_err().to_string();
        assert!(error.starts_with(said), "{name}: {error}");
        assert!(error.len() < 1000 && !error.contains(char::is_control), "{error:?}");
        assert_eq!(outputs, ["a"], "{name}: what came before it is out");
    }
}

#[tokio::test]
async fn invalid_outcomes_are_faults_of_the_record() {
    let (_, ended) = ran_liar("counts_two", &["a", "b"]).await;
    let Err(Error::Fault(fault)) = ended else { panic!("{ended:?}") };
    assert_eq!((fault.record, fault.cause.kind()), (1, "broken-contract"));
    // Alone, the record violates nothing.
    let records = ["a"; 100];
    let (outputs, ended) = ran_liar("goes_on_behind_a_retry", &records).await;
    ended.unwrap();
    assert_eq!(outputs, records);
    let (_, ended) = ran_liar("gives_keys", &["a"]).await;
    assert!(matches!(ended, Err(Error::Fault(fault)) if fault.record == 1));
}

#[tokio::test]
async fn keys_reach_the_function_unchanged() {
    let pool = Pool::new().unwrap();
    let gives_keys =
        pool.blocking_load(hostile("liar")).unwrap().function::<String, String>("gives_keys").unwrap();
    let records = ["a", "", "b é"].map(str::to_owned);
    let (outputs, ended) =
        ran(records, |stream| stream.accumulate_by(|x: &String| format!("<{x}>"), &gives_keys)).await;
    ended.unwrap();
    assert_eq!(outputs, ["<a>", "<>", "<b é>"]);
}

#[tokio::test]
async fn an_accumulator_runs_only_as_one_and_in_order() {
    let pool = Pool::new().unwrap();
    let total = misbehaving::<String, String>(&pool, "total");
    let upper = misbehaving::<String, String>(&pool, "upper");
    let said = |ended: Result<(), Error>| ended.unwrap_err().to_string();
    let one = || ["1".to_owned()];
    let (_, ended) = ran(one(), |stream| stream.scatter(&pool).apply(&total).gather()).await;
    assert!(
        said(ended)
            .starts_with("total accumulates, so it needs records one by one and in order: gather before it")
    );
    let (_, ended) = ran(one(), |stream| stream.scatter(&pool).map(&total).gather()).await;
    assert_eq!(said(ended), "total is an accumulate function and can't be used as a map");
    let (_, ended) = ran(one(), |stream| stream.map(&total)).await;
    assert_eq!(said(ended), "total is an accumulate function and can't be used as a map");
    let (_, ended) = ran(one(), |stream| stream.accumulate(&upper)).await;
    assert_eq!(said(ended), "upper is a map function and can't be used as an accumulate");
    let (outputs, ended) = ran(one(), |stream| stream.apply(&total)).await;
    ended.unwrap();
    assert_eq!(outputs, [" 1 0.3333333333333333"]);
}

#[test]
fn a_chain_accumulates_between_scattered_segments() {
    let (weather, running) = (plugin("weather"), plugin("running"));
    let table = root().join("examples/data/weather.csv").display().to_string();
    let (parse, temperature) = (function_of(&weather, "parse"), function_of(&running, "temperature"));
    let chain = ["run", "-q", "-i", &table, "-p", &parse, "-p", &temperature];
    let print = plugin("print").display().to_string();
    let did = fed(engine([&chain[..], &["--key", "2.origin", "-p", &print]].concat()), "");
    assert_eq!((did.code, &*did.stderr), (Some(0), ""));
    for more in [&["--sequential"][..], &["--isolation", "batch"], &["-t", "3", "-b", "10"], &["--unordered"]]
    {
        let again = fed(engine([&chain[..], &["--key", "origin"], more].concat()), "");
        assert!(again.stdout == did.stdout, "{more:?}: {}", again.stderr);
    }
    // Computed in the usual way.
    let mut lists = BTreeMap::<&str, Vec<f64>>::new();
    let rows = fs::read_to_string(&table).unwrap();
    for row in rows.lines().skip(1) {
        let columns: Vec<_> = row.split(',').collect();
        lists.entry(columns[0]).or_default().extend(columns[5].parse::<f64>().map(|f| (f - 32.0) / 1.8));
    }
    assert_eq!(lists.values().map(Vec::len).sum::<usize>(), did.stdout.lines().count());
    let last = |origin: &str| -> serde_json::Value {
        let line = did.stdout.lines().rfind(|line| line.contains(origin)).unwrap();
        serde_json::from_str(line).unwrap()
    };
    for (origin, list) in lists {
        let mean = list.iter().sum::<f64>() / list.len() as f64;
        let squares: f64 = list.iter().map(|celsius| (celsius - mean).powi(2)).sum();
        let deviation = (squares / (list.len() - 1) as f64).sqrt();
        let last = last(origin);
        assert_eq!(last["hours"], list.len());
        for (name, value) in [("mean", mean), ("deviation", deviation)] {
            assert!((last[name].as_f64().unwrap() - value).abs() < 1e-9, "{origin} {name}");
        }
    }
}

#[test]
fn only_accumulators_take_a_key() {
    let total = function_of(&hostile("misdeeds"), "total");
    let inc = plugin("inc").display().to_string();
    let wrong = |args: &[&str], line: &str| {
        let did = fed(engine([&["run"], args].concat()), "1\n");
        assert_eq!((did.code, did.stderr), (Some(2), format!("engine: {line}\n")));
    };
    wrong(&["-p", &inc, "--key", "user"], "--key user: no function here accumulates");
    wrong(&["-p", &inc, "-p", &total, "--key", "1.user"], "--key 1.user: inc does not accumulate");
    wrong(&["-p", &total, "--key", "3.user"], "--key 3.user: there is no plugin 3");
    wrong(&["-p", &total, "--key", "a", "--key", "1.b"], "--key 1.b: total has a key");
    let both = "--key a: 1 total and 2 total accumulate: write 1.a for one";
    wrong(&["-p", &total, "-p", &total, "--key", "a"], both);
}

#[test]
fn the_command_reports_a_record_without_its_key_as_a_fault() {
    let keeps = function_of(&hostile("misdeeds"), "keeps");
    let input = "{\"u\":1}\n[1]\n{\"u\":1}\n";
    let did = fed(engine(["run", "-p", &keeps, "--key", "u", "--on-fault", "skip"]), input);
    assert_eq!((did.code, &*did.stdout), (Some(0), "7\n14\n"));
    assert!(
        did.stderr.contains("record 2: keeps: \"[1]\" has no field \"u\", which is the key"),
        "{}",
        did.stderr
    );
}

#[test]
fn a_line_is_answered_while_the_input_is_still_open() {
    let numbered = function_of(&hostile("misdeeds"), "numbered");
    let mut command = engine(["run", "-q", "-p", &numbered]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    for n in 1..=3 {
        writeln!(input, "a").unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, format!("{n}:a\n"));
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn inspect_shows_the_state() {
    let did = fed(engine(["inspect", &plugin("running").display().to_string()]), "");
    assert!(did.stdout.contains("  accumulate warmest: json → text, state json\n"), "{}", did.stdout);
    let did = fed(engine(["inspect", "--json", &hostile("misdeeds").display().to_string()]), "");
    let json: serde_json::Value = serde_json::from_str(&did.stdout).unwrap();
    let functions = json["functions"].as_array().unwrap();
    let state =
        |name: &str| functions.iter().find(|function| function["name"] == name).unwrap()["state"].clone();
    assert_eq!(state("numbered")["schema"]["format"], "uint64");
    assert_eq!(state("same"), serde_json::Value::Null);
}

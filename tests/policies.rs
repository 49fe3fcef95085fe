//! Fault policies: the run stops, skips the record, writes a dead letter or retries.

use std::fs;
use std::io::Cursor;
use std::time::Duration;

use engine::plugin::Output;
use engine::{Error, FaultPolicy, Function, Monitor, Pool, Source, sources};
use tempfile::tempdir;

use crate::support::{
    DeadLetters, Ran, divert_to_list, engine, fed, function_of, hostile, list, misbehaving, plugin, ran,
};

/// Gives lines to a function, scattered and in large batches.
async fn scattered(function: &Function<String, String>, lines: &[&str]) -> Ran<String> {
    let source = Source::<String>::new();
    let (outputs, list) = list();
    let stream = source.stream().scatter(&function.pool()).apply(function).buffer(10_000).gather();
    stream.sink(move |x: String| list.lock().unwrap().push(x));
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let emitted = sources::lines(Cursor::new(text)).emit_into(&source).await;
    let ended = source.close().await.and(emitted);
    let outputs = std::mem::take(&mut *outputs.lock().unwrap());
    (outputs, ended)
}

#[tokio::test]
async fn row_10_a_fault_costs_only_its_record() {
    let pool = Pool::builder().threads(2).timeout(Duration::from_millis(500)).build().unwrap();
    let cases = [
        ("panics", "panicked"),
        ("unreachable", "trapped"),
        ("traps_memory", "trapped"),
        ("aborts", "trapped"),
        ("recurses", "stack-overflow"),
        ("exits", "exited"),
        ("allocates", "out-of-memory"),
        ("loops", "timed-out"),
        ("sleeps_forever", "timed-out"),
    ];
    for (name, kind) in cases {
        let function = misbehaving::<String, String>(&pool, name);
        let (good, _) = scattered(&function, &["good"]).await;
        let mut lines = vec!["good"; 3000];
        for place in [0, 1, 1500, 2999] {
            lines[place] = "bad";
        }
        let (policy, letters) = divert_to_list();
        let (outputs, ended) = scattered(&function.on_fault(&policy), &lines).await;
        ended.unwrap();
        assert_eq!(outputs, vec![good[0].clone(); 2996], "{name}");
        let letters = letters.read();
        let found: Vec<_> =
            letters.iter().map(|letter| (letter.fault.record, letter.fault.cause.kind())).collect();
        assert_eq!(found, [1, 2, 1501, 3000].map(|record| (record, kind)), "{name}");
        assert!(letters.iter().all(|letter| *letter.record == *b"bad" && letter.fault.function == name));
    }
}

#[tokio::test]
async fn repeated_calls_are_no_failures_and_say_why() {
    for (name, slow) in [("panics", false), ("loops", true)] {
        let monitor = Monitor::new();
        let builder = Pool::builder().threads(1).timeout(Duration::from_millis(300)).monitor(&monitor);
        let pool = builder.build().unwrap();
        let function = misbehaving::<String, String>(&pool, name).on_fault(&FaultPolicy::skip());
        // The bad record comes in a batch.
        let mut lines = vec!["good"; 20_000];
        lines[19_000] = "bad";
        let (outputs, ended) = scattered(&function, &lines).await;
        ended.unwrap();
        assert_eq!(outputs.len(), 19_999);
        let usage = function.usage();
        assert_eq!((usage.repeated.slow > 0, usage.repeated.failed > 0), (slow, !slow), "{usage:?}");
        assert_eq!((usage.retired.failed, usage.retired.repeated), (1, usage.repeated.total()), "{usage:?}");
        let status = monitor.status();
        let watched = &status.functions[0];
        // Only the record's own call failed.
        assert_eq!((watched.failed_calls, watched.repeated), (1, usage.repeated));
        assert_eq!((watched.retired, watched.retired_for), (usage.retired.total(), usage.retired));
    }
}

#[tokio::test]
async fn a_dead_letter_holds_the_record_as_it_was_read() {
    let pool = Pool::new().unwrap();
    let (policy, letters) = divert_to_list();
    let function = |name| misbehaving::<String, String>(&pool, name).on_fault(&policy);
    let (twice, upper, divides) = (function("twice"), function("upper"), function("divides"));
    let lines = ["7", "a b", "0", "5"];
    let (outputs, ended) = ran(lines.map(str::to_owned), |stream| {
        let stream = stream.scatter(&pool).apply(&twice).apply(&upper).apply(&divides).buffer(3).gather();
        // A separate segment, which never saw the source's records.
        stream.scatter(&pool).apply(&divides).buffer(2).gather()
    })
    .await;
    ended.unwrap();
    assert_eq!(outputs, ["7", "7", "5", "5"]);
    let letters = letters.read();
    let found: Vec<_> =
        letters.iter().map(|letter| (letter.fault.record, str::from_utf8(&letter.record).unwrap())).collect();
    assert_eq!(found, [(2, "a b"), (2, "a b"), (3, "0"), (3, "0")]);
}

#[tokio::test]
async fn skipped_records_are_counted_and_limited() {
    let pool = Pool::new().unwrap();
    let function = misbehaving::<String, String>(&pool, "panics");
    let lines = ["good", "bad", "good", "bad", "good", "bad", "good"].map(str::to_owned);
    for sequential in [false, true] {
        let run = async |policy: FaultPolicy| {
            let function = function.on_fault(&policy);
            ran(lines.clone(), |stream| {
                if sequential {
                    stream.apply(&function)
                } else {
                    stream.scatter(&pool).apply(&function).buffer(8).gather()
                }
            })
            .await
        };
        let (outputs, ended) = run(FaultPolicy::skip().max_faults(3)).await;
        ended.unwrap();
        assert_eq!(outputs.len(), 4);
        let (outputs, ended) = run(FaultPolicy::skip().max_faults(1)).await;
        let Err(Error::TooManyFaults { limit: 1, fault }) = ended else { panic!("{ended:?}") };
        assert_eq!(fault.record, 4);
        assert!(outputs.len() >= 2, "what came before is out");
    }
}

#[tokio::test]
async fn retryable_failures_are_retried() {
    let pool = Pool::builder().threads(1).build().unwrap();
    let flaky =
        |failures: u32| misbehaving::<String, String>(&pool, "flaky").with("failures", failures).unwrap();
    let (policy, letters) = divert_to_list();
    let (outputs, ended) =
        scattered(&flaky(2).on_fault(&policy.clone().retries(2)), &["a", "b", "bad", "c"]).await;
    ended.unwrap();
    assert_eq!(outputs, ["a", "b", "c"]);
    let tried = |letters: &DeadLetters| -> Vec<_> {
        let letters = letters.take();
        letters
            .into_iter()
            .map(|letter| (letter.fault.record, letter.attempts, letter.fault.cause.to_string()))
            .collect()
    };
    assert_eq!(tried(&letters), [(3, 3, "never".to_owned())]);
    // One try too few.
    let (outputs, ended) = scattered(&flaky(3).on_fault(&policy.retries(2)), &["x", "y"]).await;
    ended.unwrap();
    assert!(outputs.is_empty());
    assert_eq!(tried(&letters), [1, 2].map(|record| (record, 3, "not yet".to_owned())));
    // Without a pool, and before the run stops.
    let function = flaky(1).on_fault(&FaultPolicy::stop().retries(1));
    let (outputs, ended) = ran(["p".to_owned(), "bad".to_owned()], |stream| stream.apply(&function)).await;
    assert_eq!(outputs, ["p"]);
    assert!(matches!(ended, Err(Error::Fault(fault)) if fault.record == 2));
}

#[tokio::test]
async fn a_sink_continues_after_a_failed_record() {
    let pool = Pool::new().unwrap();
    let lines = ["a", "bad", "b", "bad", "c"].map(str::to_owned);
    for (name, printed) in
        [("fails_sink", "a\nb\nc\n"), ("panics_sink", "a\nbad\nb\nbad\nc\n"), ("flaky_sink", "a\nb\nc\n")]
    {
        let folder = tempdir().unwrap();
        let file = folder.path().join("out");
        let output = Output::new(fs::File::create(&file).unwrap());
        let (policy, letters) = divert_to_list();
        let mut sink = pool.blocking_load(hostile("misdeeds")).unwrap().function::<String, ()>(name).unwrap();
        if name == "flaky_sink" {
            sink = sink.with("failures", 1).unwrap();
        }
        let sink = sink.stdout(&output).on_fault(&policy.retries(1));
        let source = Source::<String>::new();
        source.stream().sink(&sink);
        for line in &lines {
            source.emit(line.clone()).await.unwrap();
        }
        source.close().await.unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), printed, "{name}");
        let records: Vec<_> = letters.read().iter().map(|letter| letter.fault.record).collect();
        assert_eq!(records, [2, 4], "{name}");
        assert_eq!(
            (source.progress().counts().delivered, source.progress().counts().faults),
            (3, 2),
            "{name}"
        );
    }
}

#[test]
fn a_dead_letter_file_can_be_run_again() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (first, second, dead) = (path("first"), path("second"), path("dead"));
    fs::write(&first, "1\nx\n3\n").unwrap();
    fs::write(&second, b"4\n\xff\n").unwrap();
    let inc = plugin("inc").display().to_string();
    let divert = format!("divert={dead}");
    let did = fed(engine(["run", "-p", &inc, "-i", &first, &second, "--on-fault", &divert]), "");
    assert_eq!((did.code, &*did.stdout), (Some(1), "2\n4\n5\n"), "{}", did.stderr);
    assert_eq!(did.stderr, format!("engine: 2 records put aside in {dead}\n"));
    let letters = fs::read_to_string(&dead).unwrap();
    let places: Vec<_> = letters
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            (
                line["number"].as_u64().unwrap(),
                line["input"].as_str().unwrap().to_owned(),
                line["line"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(places, [(2, first, 2), (5, second, 2)]);
    // One of them is corrected.
    fs::write(&dead, letters.replace(r#""record":"x""#, r#""record":"41""#)).unwrap();
    let did = fed(engine(["run", "-p", &inc, "-i", &dead, "--dead-letters", "--on-fault", "skip"]), "");
    assert_eq!((did.code, &*did.stdout), (Some(0), "42\n"), "{}", did.stderr);
}

#[test]
fn a_dead_letter_file_cannot_be_an_input_or_output() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("file").display().to_string();
    fs::write(&file, "1\n").unwrap();
    let inc = plugin("inc").display().to_string();
    let divert = format!("divert={file}");
    for (flag, why) in [("-i", "it is an input too"), ("-o", "records are put aside in it")] {
        let did = fed(engine(["run", "-p", &inc, flag, &file, "--on-fault", &divert]), "");
        assert_eq!((did.code, did.stderr), (Some(2), format!("engine: can't write {file}: {why}\n")));
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "1\n");
    // Nor under another name of a file that does not exist yet.
    let out = folder.path().join("out").display().to_string();
    let divert = format!("divert={}", folder.path().join(".").join("out").display());
    let did = fed(engine(["run", "-p", &inc, "-i", &file, "-o", &out, "--on-fault", &divert]), "");
    assert_eq!(did.stderr, format!("engine: can't write {out}: records are put aside in it\n"));
}

#[test]
fn a_dead_letter_may_exceed_the_line_limit() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let same = function_of(&hostile("misdeeds"), "same");
    let panics = function_of(&hostile("misdeeds"), "panics");
    // As JSON each of these takes six bytes: 48 MiB, where a line may have 32.
    let record = "bad".to_owned() + &"\u{1}".repeat(8 << 20);
    fs::write(path("in"), record.clone() + "\n").unwrap();
    let divert = format!("divert={}", path("dead"));
    let did = fed(engine(["run", "-q", "-p", &panics, "-i", &path("in"), "--on-fault", &divert]), "");
    assert_eq!(did.code, Some(1), "{}", did.stderr);
    let did = fed(
        engine(["run", "-q", "-p", &same, "-i", &path("dead"), "--dead-letters", "-o", &path("out")]),
        "",
    );
    assert_eq!(did.code, Some(0), "{}", did.stderr);
    assert!(fs::read_to_string(path("out")).unwrap() == record + "\n", "it is another record");
}

#[tokio::test]
async fn any_number_of_retryable_records_is_retried() {
    // The instance counts the tries.
    let pool = Pool::builder().threads(1).instances(1).build().unwrap();
    let flaky = misbehaving::<String, String>(&pool, "flaky").with("failures", 1).unwrap();
    let (policy, letters) = divert_to_list();
    let lines: Vec<_> = (0..500).map(|x| x.to_string()).collect();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    let (outputs, ended) = scattered(&flaky.on_fault(&policy.retries(1)), &lines).await;
    ended.unwrap();
    assert_eq!(outputs, lines);
    assert!(letters.read().is_empty());
}

#[test]
fn an_invalid_dead_letter_is_a_fault() {
    let echo = function_of(&hostile("misdeeds"), "same");
    // The flag under its former name.
    let letter = |record: &str| {
        let rest = format!("\"attempts\":1,\"record\":\"{record}\"");
        format!("{{\"number\":1,\"function\":\"f\",\"fault\":\"failed\",\"message\":\"\",{rest}}}\n")
    };
    let lines = format!("{}b\n{}", letter("a"), letter("c"));
    let did = fed(engine(["run", "-q", "-p", &echo, "--letters", "--on-fault", "skip"]), &lines);
    assert_eq!((did.code, &*did.stdout), (Some(0), "a\nc\n"), "{}", did.stderr);
    let did = fed(engine(["run", "-p", &echo, "--letters"]), lines);
    assert_eq!((did.code, &*did.stdout), (Some(1), "a\n"));
    assert!(did.stderr.starts_with("engine: record 2: letters: it is not a dead letter: "), "{}", did.stderr);
}

#[test]
fn a_flat_mapped_record_is_one_whole_dead_letter() {
    let folder = tempdir().unwrap();
    let dead = folder.path().join("dead").display().to_string();
    let (splits, inc) = (function_of(&hostile("misdeeds"), "splits"), plugin("inc").display().to_string());
    for more in [&[][..], &["--sequential"]] {
        let divert = format!("divert={dead}");
        let did = fed(
            engine([&["run", "-p", &splits, "-p", &inc, "--on-fault", &divert], more].concat()),
            "a b 7\nq 1\n",
        );
        assert_eq!((did.code, &*did.stdout), (Some(1), "8\n2\n"));
        assert_eq!(did.stderr, format!("engine: 2 records put aside in {dead}\n"));
        let letters = fs::read_to_string(&dead).unwrap();
        let records: Vec<_> = letters
            .lines()
            .map(|line| {
                serde_json::from_str::<serde_json::Value>(line).unwrap()["record"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        assert_eq!(records, ["a b 7", "q 1"]);
        fs::remove_file(&dead).unwrap();
    }
}

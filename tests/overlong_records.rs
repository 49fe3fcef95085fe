//! Records that would become too long in a group: the record that exceeds the limit is a fault, and no other is lost.

use std::collections::BTreeMap;
use std::path::Path;

use engine::plugin::Output;
use engine::{Cause, Error, Fault, FaultPolicy, Function, Json, Pool, Source, Stream, sinks};
use serde_json::Value;

use crate::support::{Did, divert_to_list, engine, fed, misbehaving};

/// Two of these fit into a record, three do not.
const LARGE: usize = 12 << 20;

/// A stage, its outputs without the third of five records, and the records that are its faults. Each record is named
/// by its letter.
struct Case {
    stage: &'static str,
    outputs: &'static [&'static str],
    faults: &'static [u64],
}

const CASES: &[Case] = &[
    Case { stage: "type = 'partition'\nn = 3", outputs: &["abd", "e"], faults: &[3] },
    Case { stage: "type = 'partition'\nn = 3\ntimeout = '1h'", outputs: &["abd", "e"], faults: &[3] },
    Case { stage: "type = 'partition_unique'\nn = 3", outputs: &["abd", "e"], faults: &[3] },
    Case { stage: "type = 'partition_unique'\nn = 3\nkeep = 'last'", outputs: &["abd", "e"], faults: &[3] },
    Case { stage: "type = 'sliding_window'\nn = 3", outputs: &["abd", "bde"], faults: &[3] },
    Case {
        stage: "type = 'sliding_window'\nn = 3\nreturn_partial = true",
        outputs: &["a", "ab", "abd", "bde"],
        faults: &[3],
    },
    Case { stage: "type = 'timed_window'\ninterval = '1h'", outputs: &["abde"], faults: &[3] },
    Case { stage: "type = 'timed_window_unique'\ninterval = '1h'", outputs: &["abde"], faults: &[3] },
    Case { stage: "type = 'collect'\nmost = 100", outputs: &["abde"], faults: &[3] },
    Case { stage: "type = 'frequencies'", outputs: &["a", "ab", "abd", "abde"], faults: &[3] },
    // Three of the same: small ones pass.
    Case {
        stage: "type = 'zip'\nfrom = ['lines', 'lines2', 'lines3']",
        outputs: &["ddd", "eee"],
        faults: &[1, 2, 3],
    },
];

fn write_input(path: &Path) {
    let lines = [("a", LARGE), ("b", LARGE), ("c", LARGE), ("d", 1), ("e", 1)];
    let lines: String = lines.into_iter().map(|(letter, length)| letter.repeat(length) + "\n").collect();
    std::fs::write(path, lines).unwrap();
}

const BRANCHES: &str = "\
[stages.lines2]
type = 'slice'
from = 'lines'
[stages.lines3]
type = 'slice'
from = 'lines'
";

fn run(folder: &Path, stage: &str, on_fault: &str) -> Did {
    // Joins report it themselves.
    let (from, branches) = match stage.contains("from = ") {
        true => ("", BRANCHES),
        false => ("from = 'lines'\n", ""),
    };
    let pipeline = format!(
        "[sources.lines]\ntype = 'files'\npath = 'in'\nformat = 'text'\n\
         {branches}[stages.made]\n{from}{stage}\non_fault = {on_fault}\n\
         [sinks.out]\ntype = 'file'\npath = 'out'\nfrom = 'made'\n"
    );
    std::fs::write(folder.join("pipeline.toml"), pipeline).unwrap();
    fed(engine(["run".as_ref(), folder.join("pipeline.toml").as_os_str()]), "")
}

/// Outputs, with each record as its first character.
fn initials(path: &Path) -> Vec<String> {
    let first = |text: &str| text.chars().next().into_iter().collect::<String>();
    let told = |line: &str| match serde_json::from_str(line).unwrap() {
        Value::Array(items) => items.iter().map(|item| first(item.as_str().unwrap())).collect(),
        Value::Object(counts) => counts.keys().map(|key| first(key)).collect::<String>(),
        other => panic!("{other}"),
    };
    std::fs::read_to_string(path).unwrap().lines().map(told).collect()
}

#[test]
fn a_record_that_makes_a_group_too_long_is_a_fault_under_any_policy() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_input(&folder.join("in"));
    for Case { stage, outputs, faults } in CASES {
        let did = run(folder, stage, "'skip'");
        assert_eq!(did.code, Some(0), "{stage}: {}", did.stderr);
        assert_eq!(initials(&folder.join("out")), *outputs, "{stage}");

        let did = run(folder, stage, "{ divert = 'dead.ndjson' }");
        assert_eq!(did.code, Some(1), "{stage}: {}", did.stderr);
        assert_eq!(initials(&folder.join("out")), *outputs, "{stage}");
        let dead = std::fs::read_to_string(folder.join("dead.ndjson")).unwrap();
        let dead: Vec<BTreeMap<String, Value>> =
            dead.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let numbers: Vec<_> = dead.iter().map(|letter| letter["number"].as_u64().unwrap()).collect();
        assert_eq!(numbers, *faults, "{stage}");
        let last = dead.last().unwrap();
        assert_eq!(last["function"], "made", "{stage}");
        assert!(last["message"].as_str().unwrap().contains("longer than 32"), "{stage}");
        let record = last["record"].as_str().unwrap();
        assert!(record.len() >= LARGE && record.contains("ccc"), "{stage}");
        std::fs::remove_file(folder.join("dead.ndjson")).unwrap();

        let did = run(folder, stage, "'stop'");
        assert_eq!(did.code, Some(1), "{stage}: {}", did.stderr);
        let named = format!("record {} (", faults[0]);
        assert!(did.stderr.contains(&named) && did.stderr.contains("made: "), "{stage}: {}", did.stderr);
    }
}

#[test]
fn a_text_that_is_too_long_once_quoted_is_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    // Six bytes each in JSON.
    let text = "a\n".to_owned() + &"\u{1}".repeat(6 << 20) + "\nb\n";
    std::fs::write(folder.path().join("in"), text).unwrap();
    let did = run(folder.path(), "type = 'partition'\nn = 2", "'skip'");
    assert_eq!(did.code, Some(0), "{}", did.stderr);
    assert_eq!(initials(&folder.path().join("out")), ["ab"]);
}

#[test]
fn a_record_that_repeats_one_part_too_often_is_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    let large = format!("{{\"x\":\"{}\"}}", "a".repeat(20 << 20));
    std::fs::write(folder.path().join("in"), large + "\n{\"x\":\"b\"}\n").unwrap();
    let did = run(folder.path(), "type = 'pluck'\nkey = ['x', 'x']", "'skip'");
    assert_eq!(did.code, Some(0), "{}", did.stderr);
    assert_eq!(initials(&folder.path().join("out")), ["bb"]);
}

/// Emits texts of these lengths; returns the run's result and the number of faults.
async fn emitted(build: impl FnOnce(Stream<String>)) -> (Result<(), Error>, u64) {
    let source = Source::new();
    build(source.stream().map(|length: usize| "x".repeat(length)));
    let mut ended = Ok(());
    for length in [1, 33 << 20, 2] {
        ended = ended.and(source.emit(length).await);
    }
    let ended = source.close().await.and(ended);
    (ended, source.progress().counts().faults)
}

#[tokio::test]
async fn a_value_too_long_for_a_record_meets_the_consumers_policy() {
    let pool = Pool::builder().threads(1).build().unwrap();
    let echo = |policy: &FaultPolicy| -> Function<String, String> {
        misbehaving::<String, String>(&pool, "loops").on_fault(policy)
    };
    let is_too_long =
        |fault: &Fault| matches!(&fault.cause, Cause::Failed { message, .. } if message.contains("32"));
    type Build<'a> = Box<dyn Fn(Stream<String>, &FaultPolicy) + 'a>;
    let ways: Vec<(&str, Build)> = vec![
        ("function", Box::new(|texts, policy| texts.apply(&echo(policy)).sink(|_: String| {}))),
        (
            "scattered",
            Box::new(|texts, policy| {
                texts.scatter(&pool).apply(&echo(policy)).buffer(4).gather().sink(|_: String| {});
            }),
        ),
        (
            "windows",
            Box::new(|texts, policy| {
                let windows = texts.map(|text| Json(vec![text])).scatter(&pool);
                windows
                    .apply(&misbehaving::<Json<Vec<String>>, String>(&pool, "loops").on_fault(policy))
                    .gather()
                    .sink(|_: String| {});
            }),
        ),
    ];
    for (name, build) in ways {
        let (ended, faults) = emitted(|texts| build(texts, &FaultPolicy::skip())).await;
        ended.unwrap();
        assert_eq!(faults, 1, "{name}");
        let (policy, letters) = divert_to_list();
        emitted(|texts| build(texts, &policy)).await.0.unwrap();
        let [letter] = letters.read().try_into().unwrap();
        assert!(letter.fault.record == 2 && is_too_long(&letter.fault), "{name}: {}", letter.fault);
        assert!(letter.record.len() > 32 << 20, "{name}");
        let (ended, _) = emitted(|texts| build(texts, &FaultPolicy::stop())).await;
        assert!(matches!(ended, Err(Error::Fault(fault)) if fault.record == 2), "{name}");
    }
}

#[tokio::test]
async fn a_value_too_long_for_a_sink_meets_its_policy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let (ended, faults) = emitted(|texts| {
        texts.sink(sinks::lines(&Output::new(std::fs::File::create(&path).unwrap())));
    })
    .await;
    assert!(matches!(ended, Err(Error::Fault(fault)) if fault.record == 2));
    assert_eq!(faults, 1);
    assert_eq!(std::fs::read(&path).unwrap(), b"x\n");
}

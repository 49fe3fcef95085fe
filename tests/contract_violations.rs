//! Guests that violate the contract: each violation is a fault that names the rule.

use std::time::{Duration, Instant};

use engine::{Cause, Error, Fault, Kind, Pool, Source, sources};

use crate::support::{divert_to_list, hostile};

/// Gives the liar three records, and returns how the run ended.
async fn ended(pool: &Pool, kind: Kind, name: &str) -> Result<(), Error> {
    let liar = pool.blocking_load(hostile("liar")).unwrap();
    let source = Source::<String>::new();
    if kind == Kind::Sink {
        source.stream().sink(&liar.function::<String, ()>(name).unwrap());
    } else {
        let function = liar.function::<String, String>(name).unwrap();
        source.stream().scatter(pool).apply(&function).buffer(3).gather().sink(|_: String| {});
    }
    for record in ["bad", "bad one", "bad two"] {
        if source.emit(record.to_owned()).await.is_err() {
            break;
        }
    }
    source.close().await
}

#[tokio::test]
async fn row_5_every_contract_violation_names_its_rule() {
    let pool = Pool::builder().threads(2).build().unwrap();
    let liar = pool.blocking_load(hostile("liar")).unwrap();
    // Bytes that are not text are the next function's to refuse.
    let harmless = ["consumed_early", "line_breaks"];
    let mut lies = 0;
    // Other tests cover these: they need more records, or fail at open or finish.
    let elsewhere = |name: &str| {
        ["_open", "_finish", "_forever", "_first", "_failure"].iter().any(|end| name.ends_with(end))
    };
    // False states are tested in `accumulate`.
    let stateless = liar.signatures().iter().filter(|signature| signature.kind != Kind::Accumulate);
    for signature in stateless.filter(|signature| !elsewhere(&signature.name)) {
        let ended = ended(&pool, signature.kind, &signature.name).await;
        if harmless.contains(&&*signature.name) {
            ended.unwrap();
            continue;
        }
        let Err(Error::Fault(fault)) = ended else { panic!("{}: {ended:?}", signature.name) };
        let named = matches!(fault.cause, Cause::BrokenContract { .. } | Cause::Unreadable { .. });
        assert!(named && fault.record == 1, "{}: {fault}", signature.name);
        lies += 1;
    }
    assert!(lies > 15, "only {lies} violations");
}

#[tokio::test]
async fn a_sink_that_claims_progress_forever_is_stopped() {
    let limit = Duration::from_millis(500);
    let pool = Pool::builder().timeout(limit).build().unwrap();
    let ended = ended(&pool, Kind::Sink, "progress_forever").await;
    let Err(Error::Fault(fault)) = ended else { panic!("{ended:?}") };
    assert_eq!((fault.record, fault.cause), (1, Cause::TimedOut { limit }));
}

/// The timeout of a record for sinks with false progress.
const LIMIT: Duration = Duration::from_millis(100);

/// Gives 40 records to a sink that reports false progress for batches. Returns its faults and the number of records
/// it took.
async fn faults_of_sink(name: &str) -> (Vec<Fault>, u64) {
    let pool = Pool::builder().timeout(LIMIT).build().unwrap();
    let sink = pool.blocking_load(hostile("liar")).unwrap().function::<String, ()>(name).unwrap();
    let (policy, letters) = divert_to_list();
    let source = Source::<String>::new();
    source.stream().sink(&sink.on_fault(&policy));
    let text = "good\n".repeat(20) + &"bad\n".repeat(20);
    sources::lines(std::io::Cursor::new(text)).emit_into(&source).await.unwrap();
    source.close().await.unwrap();
    let faults = letters.read().into_iter().map(|letter| letter.fault).collect();
    (faults, source.progress().counts().delivered)
}

#[tokio::test]
async fn claimed_progress_gives_a_record_no_more_time() {
    // Building plugins does not count.
    hostile("liar");
    for name in ["progress_forever", "progress_to_and_fro_forever", "progress_beyond_forever"] {
        let begun = Instant::now();
        let faults = tokio::time::timeout(Duration::from_secs(60), faults_of_sink(name)).await;
        let (faults, delivered) = faults.unwrap_or_else(|_| panic!("{name} still runs"));
        assert!(
            faults.iter().all(|fault| fault.cause == Cause::TimedOut { limit: LIMIT }),
            "{name}: {faults:?}"
        );
        // Each record with false progress was started once, and had its timeout.
        assert_eq!(faults.len() as u64 + delivered, 40, "{name}");
        assert!(begun.elapsed() < LIMIT * 20 + Duration::from_secs(30), "{name}: {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_sink_with_false_progress_is_not_given_a_record_twice() {
    let cases = [
        ("begins_all_and_panics_at_the_first", "panicked"),
        ("begins_all_and_fails_at_the_first", "broken-contract"),
    ];
    for (name, kind) in cases {
        let (faults, _) = faults_of_sink(name).await;
        // Records that are given alone can't have false progress.
        assert!(faults.iter().any(|fault| fault.cause.kind() == kind), "{name}: {faults:?}");
        assert!(faults.len() < 20, "{name}: {} records were begun again", faults.len());
    }
    let (faults, _) = faults_of_sink("goes_on_after_a_failure").await;
    assert!(faults.iter().any(|fault| fault.cause.kind() == "broken-contract"), "{faults:?}");
}

#[tokio::test]
async fn row_2_a_guest_that_fails_in_open_fails_before_the_first_record() {
    let pool = Pool::builder().timeout(Duration::from_millis(300)).build().unwrap();
    let liar = pool.blocking_load(hostile("liar")).unwrap();
    let cases = [
        ("refuses_open", "refuses_open can't be opened: "),
        ("panics_in_open", "panics_in_open can't be opened: it trapped: unreachable code (it wrote: "),
        ("loops_in_open", "loops_in_open can't be opened: it took longer than 300ms"),
    ];
    for (name, line) in cases {
        let prepared = liar.function::<String, String>(name).unwrap().blocking_prepare();
        let said = prepared.unwrap_err().to_string();
        assert!(said.starts_with(line), "{said}");
        assert!(!said.chars().any(char::is_control), "{said:?}");
    }
}

#[test]
fn row_2_a_guest_that_loops_while_loading_is_stopped() {
    for name in ["loops-in-describe", "loops-at-start"] {
        let pool = Pool::builder().timeout(Duration::from_millis(300)).build().unwrap();
        let said = pool.blocking_load(hostile(name)).unwrap_err().to_string();
        assert!(said.ends_with("asked for its functions, it took longer than 300ms"), "{said}");
    }
}

#[test]
fn row_8_plugins_with_no_or_duplicate_functions_are_refused() {
    let pool = Pool::new().unwrap();
    let said = pool.blocking_load(hostile("two-names")).unwrap_err().to_string();
    assert!(said.contains("it has two functions named "), "{said}");
    let said = pool.blocking_load(hostile("no-functions")).unwrap_err().to_string();
    assert!(said.contains("it has no functions"), "{said}");
}

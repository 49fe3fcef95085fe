//! Guests that return what the contract forbids: a fault that names the rule, and no harm.

use engine::{Cause, Error, Kind, Pool, Source};

use crate::support::hostile;

/// What becomes of three records that the liar gets.
async fn ended(pool: &Pool, kind: Kind, name: &str) -> Result<(), Error> {
    let liar = pool.load(hostile("liar")).unwrap();
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
async fn row_5_every_lie_is_a_fault_that_names_the_rule() {
    let pool = Pool::builder().workers(2).build().unwrap();
    let liar = pool.load(hostile("liar")).unwrap();
    // Bytes that are no text are for the next one to refuse, who knows what it needs.
    let harmless = ["consumed_early", "line_breaks"];
    let mut lies = 0;
    let at_the_ends =
        |name: &str| name.ends_with("_open") || name.ends_with("_finish") || name.ends_with("_forever");
    // What lies about states is tried in `accumulate`.
    let stateless = liar.signatures().iter().filter(|signature| signature.kind != Kind::Accumulate);
    for signature in stateless.filter(|signature| !at_the_ends(&signature.name)) {
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
    assert!(lies > 15, "only {lies} lies were told");
}

#[tokio::test]
async fn a_sink_that_claims_progress_for_ever_is_stopped() {
    let limit = std::time::Duration::from_millis(500);
    let pool = Pool::builder().timeout(limit).build().unwrap();
    let ended = ended(&pool, Kind::Sink, "progress_forever").await;
    let Err(Error::Fault(fault)) = ended else { panic!("{ended:?}") };
    assert_eq!((fault.record, fault.cause), (1, Cause::TimedOut { limit }));
}

#[tokio::test]
async fn row_2_a_guest_that_fails_while_it_is_opened_fails_before_the_first_record() {
    let pool = Pool::builder().timeout(std::time::Duration::from_millis(300)).build().unwrap();
    let liar = pool.load(hostile("liar")).unwrap();
    let cases = [
        ("refuses_open", "refuses_open can't be opened: "),
        ("panics_in_open", "panics_in_open can't be opened: it trapped: unreachable code (it wrote: "),
        ("loops_in_open", "loops_in_open can't be opened: it took longer than 300ms"),
    ];
    for (name, line) in cases {
        let prepared = liar.function::<String, String>(name).unwrap().prepare();
        let said = prepared.unwrap_err().to_string();
        assert!(said.starts_with(line), "{said}");
        assert!(!said.chars().any(char::is_control), "{said:?}");
    }
}

#[test]
fn row_2_a_guest_that_loops_while_it_is_loaded_is_stopped() {
    for name in ["loops-in-describe", "loops-at-start"] {
        let pool = Pool::builder().timeout(std::time::Duration::from_millis(300)).build().unwrap();
        let said = pool.load(hostile(name)).unwrap_err().to_string();
        assert!(said.ends_with("asked for its functions, it took longer than 300ms"), "{said}");
    }
}

#[test]
fn row_8_plugins_without_functions_or_with_two_of_one_name_are_refused() {
    let pool = Pool::new().unwrap();
    let said = pool.load(hostile("two-names")).unwrap_err().to_string();
    assert!(said.contains("it has two functions named "), "{said}");
    let said = pool.load(hostile("no-functions")).unwrap_err().to_string();
    assert!(said.contains("it has no functions"), "{said}");
}

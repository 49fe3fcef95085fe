//! A function that fails for a record: a fault of that record alone, with its cause.

use engine::{Cause, Error, Fault, Pool, Source, sources};

use crate::support::{Ran, hostile, list, misbehaving, ran};

/// Gives a misbehaving function lines of which one is `bad`, scattered and in large batches, and
/// checks that the lines before it are right.
async fn fault_of(function: &str, good: &str, bad: &str) -> Fault {
    const BAD: usize = 3210;
    let pool = Pool::builder().threads(2).build().unwrap();
    let function = misbehaving::<String, String>(&pool, function);
    let source = Source::<String>::new();
    let (outputs, list) = list();
    source.stream().scatter(&pool).apply(&function).buffer(10_000).gather().sink(move |x: String| {
        list.lock().unwrap().push(x);
    });
    let text: String =
        (1..=5000).map(|x| if x == BAD { format!("{bad}\n") } else { format!("{good}\n") }).collect();
    let emitted = sources::lines(std::io::Cursor::new(text)).emit_into(&source).await;
    let ended = source.close().await.and(emitted);
    let outputs = outputs.lock().unwrap();
    assert_eq!(outputs.len(), BAD - 1, "{ended:?}");
    assert!(outputs.iter().all(|output| output == &outputs[0]), "neighbours are not touched");
    let Err(Error::Fault(fault)) = ended else { panic!("{ended:?}") };
    assert_eq!(fault.record, BAD as u64, "{fault}");
    assert!(!fault.to_string().chars().any(char::is_control), "{fault}");
    assert!(fault.to_string().len() < 500, "{fault}");
    fault
}

#[tokio::test]
async fn row_1_a_panic_is_reported_with_message_and_location() {
    let Cause::Panicked { message } = fault_of("panics", "good", "bad").await.cause else {
        panic!("no panic")
    };
    assert!(message.starts_with("I don't like `bad`") && message.contains("src/traps.rs:"), "{message}");
    for function in ["panics_slice", "panics_at_length"] {
        let cause = fault_of(function, "good", "bad").await.cause;
        assert!(matches!(cause, Cause::Panicked { .. }), "{cause}");
    }
    assert!(matches!(fault_of("divides", "7", "0").await.cause, Cause::Panicked { .. }));
    assert!(matches!(fault_of("overflows", "7", "9223372036854775807").await.cause, Cause::Panicked { .. }));
}

#[tokio::test]
async fn row_1_a_trap_is_reported_by_its_kind() {
    let cases = [
        ("unreachable", "good", "bad", "trapped: unreachable code"),
        ("traps_memory", "good", "bad", "trapped: memory access out of bounds"),
        ("traps_division", "7", "0", "trapped: division by zero"),
        ("aborts", "good", "bad", "trapped: unreachable code"),
        ("recurses", "good", "bad", "overflowed its stack"),
        ("exits", "good", "bad", "exited with code 1"),
        ("exits_well", "good", "bad", "exited with code 0"),
        ("allocates", "good", "bad", "needed more than 64.0 MiB of memory"),
    ];
    for (function, good, bad, cause) in cases {
        assert_eq!(fault_of(function, good, bad).await.cause.to_string(), cause, "{function}");
    }
}

#[tokio::test]
async fn an_err_is_reported_with_its_message() {
    let fault = fault_of("fails", "good", "bad").await;
    assert!(fault.cause.to_string().starts_with("no `bad`"), "{fault}");
    assert!(matches!(fault_of("divides", "7", "seven").await.cause, Cause::Failed { .. }));
}

#[tokio::test]
async fn filters_and_flat_maps_can_fail_for_a_record() {
    assert!(matches!(fault_of("panics_filter", "good", "bad").await.cause, Cause::Panicked { .. }));
    let pool = Pool::builder().threads(2).build().unwrap();
    let late = misbehaving::<String, String>(&pool, "fails_late");
    let inputs = ["ab", "bad", "cd"].map(str::to_owned);
    let (outputs, ended): Ran<String> =
        ran(inputs, |lines| lines.scatter(&pool).flat_map(&late).buffer(3).gather()).await;
    // A record that fails after some of its outputs gives none of them.
    assert_eq!(outputs, ["a", "b"]);
    assert!(matches!(ended, Err(Error::Fault(Fault { record: 2, .. }))), "{ended:?}");
}

#[tokio::test]
async fn records_before_a_fault_are_delivered_first() {
    let pool = Pool::builder().threads(2).build().unwrap();
    let fails = misbehaving::<String, String>(&pool, "fails");
    let dawdles = misbehaving::<String, String>(&pool, "dawdles");
    let source = Source::<String>::new();
    let (outputs, list) = list();
    source.stream().scatter(&pool).map(&fails).map(&dawdles).buffer(10_000).gather().sink(
        move |x: String| {
            list.lock().unwrap().push(x);
        },
    );
    let text: String =
        (1..=600).map(|x| if x == 500 { "bad\n".to_owned() } else { format!("{x}\n") }).collect();
    let emitted = sources::lines(std::io::Cursor::new(text)).emit_into(&source).await;
    let ended = source.close().await.and(emitted);
    assert!(matches!(&ended, Err(Error::Fault(fault)) if fault.record == 500), "{ended:?}");
    assert_eq!(outputs.lock().unwrap().len(), 499);
}

#[tokio::test]
async fn a_panic_in_a_message_callback_does_no_harm() {
    let pool = Pool::builder().threads(2).on_print(|_| panic!("a bug of the user")).build().unwrap();
    let prints = misbehaving::<String, String>(&pool, "prints_escapes");
    let inputs = ["bad", "bad"].map(str::to_owned);
    let (outputs, ended) = ran(inputs, |lines| lines.scatter(&pool).map(&prints).buffer(2).gather()).await;
    ended.unwrap();
    assert_eq!(outputs, ["bad", "bad"]);
}

#[tokio::test]
async fn the_first_fault_in_record_order_ends_the_run() {
    let pool = Pool::builder().threads(2).build().unwrap();
    let hostile = pool.blocking_load(hostile("misdeeds")).unwrap();
    // Of the two records that fail, the second one fails first.
    let sleeps = hostile.function::<u64, u64>("sleeps").unwrap();
    let divides = hostile.function::<Vec<u8>, Vec<u8>>("divides").unwrap();
    let source = Source::<u64>::new();
    let (outputs, list) = list();
    let sleeping = source.stream().scatter(&pool).map(&sleeps).buffer(5).gather();
    let bytes = sleeping.map(|x: u64| (x / 300).to_string().into_bytes());
    bytes
        .scatter(&pool)
        .map(&divides)
        .buffer(5)
        .gather()
        .sink(move |x: Vec<u8>| list.lock().unwrap().push(x));
    for x in [600, 200, 10] {
        source.emit(x).await.unwrap();
    }
    let ended = source.close().await;
    assert!(matches!(ended, Err(Error::Fault(Fault { record: 2, .. }))), "{ended:?}");
    assert_eq!(*outputs.lock().unwrap(), [b"50"]);
}

#[tokio::test]
async fn a_sink_fails_for_the_record_it_started() {
    for (name, panics) in [("fails_sink", false), ("panics_sink", true)] {
        let pool = Pool::builder().threads(2).build().unwrap();
        let sink = pool.blocking_load(hostile("misdeeds")).unwrap().function::<String, ()>(name).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        let sink = sink.stdout(&engine::plugin::Output::new(file.reopen().unwrap()));
        let source = Source::<String>::new();
        source.stream().sink(&sink);
        let text: String =
            (1..=100).map(|x| if x == 77 { "bad\n".to_owned() } else { format!("{x}\n") }).collect();
        let emitted = sources::lines(std::io::Cursor::new(text)).emit_into(&source).await;
        let Err(Error::Fault(fault)) = source.close().await.and(emitted) else { panic!("no fault") };
        assert_eq!((fault.record, matches!(fault.cause, Cause::Panicked { .. })), (77, panics), "{fault}");
        assert_eq!(source.progress().counts().delivered, 76);
        let printed = std::fs::read_to_string(file.path()).unwrap();
        // One prints before it panics, the other does not before it fails; both stop there.
        assert_eq!(printed.lines().count(), 76 + usize::from(panics), "{name}");
    }
}

#[tokio::test]
async fn row_4_poison_of_every_kind_leaves_the_pool_healthy() {
    let pool = Pool::builder().threads(2).build().unwrap();
    for function in ["panics", "unreachable", "recurses", "exits", "allocates", "fails"] {
        for _ in 0..20 {
            let function = misbehaving::<String, String>(&pool, function);
            let (_, ended) =
                ran(["bad".to_owned()], |lines| lines.scatter(&pool).map(&function).gather()).await;
            assert!(matches!(ended, Err(Error::Fault(_))), "{ended:?}");
        }
    }
    let upper = misbehaving::<String, String>(&pool, "upper");
    let (outputs, ended) = ran(["a".to_owned()], |lines| lines.scatter(&pool).map(&upper).gather()).await;
    ended.unwrap();
    assert_eq!(outputs, ["A"]);
}

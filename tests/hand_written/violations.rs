//! Contract violations: each case changes one part of a correct plugin.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use engine::{Error, Kind, Pool, Source};

use super::module::{FINISHED, Module, SIGNATURE};
use crate::support::{misbehaving, ran};

/// The plugin's result for one record, on a pool where another plugin must keep working.
async fn given(module: Module) -> Result<Vec<String>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = module.component(&folder);
    let pool = Pool::builder().threads(2).timeout(Duration::from_millis(500)).build().unwrap();
    let neighbour = misbehaving::<String, String>(&pool, "upper");
    neighbour.blocking_prepare().unwrap();
    let begun = Instant::now();
    let given = attempt(&pool, path.clone()).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{given:?} took {:?}", begun.elapsed());
    let (outputs, ended) = ran(["a".to_owned()], |lines| lines.scatter(&pool).map(&neighbour).gather()).await;
    ended.unwrap();
    assert_eq!(outputs, ["A"]);
    given.map_err(|error| {
        let said = error.to_string();
        assert!(said.chars().count() < 600 && !said.chars().any(char::is_control), "{said:?}");
        said.replace(&path.display().to_string(), "it")
    })
}

async fn attempt(pool: &Pool, path: PathBuf) -> Result<Vec<String>, Error> {
    let plugin = pool.blocking_load(path)?;
    if plugin.signatures()[0].kind == Kind::Sink {
        let source = Source::<String>::new();
        source.stream().sink(&plugin.function::<String, ()>("f")?);
        let emitted = source.emit("one".to_owned()).await;
        return source.close().await.and(emitted).map(|()| Vec::new());
    }
    let function = plugin.function::<String, String>("f")?;
    function.blocking_prepare()?;
    let (outputs, ended) = ran(["one".to_owned()], |lines| lines.scatter(pool).map(&function).gather()).await;
    ended.map(|()| outputs)
}

/// The module with one part replaced.
fn with(change: impl FnOnce(&mut Module)) -> Module {
    let mut module = Module::default();
    change(&mut module);
    module
}

const UNREADABLE: &str = "record 1: f: broke the plugin contract: what it returned can't be read from its memory, or is more than 144.0 MiB";

const LOOP: &str = "(loop (br 0)) unreachable";

#[tokio::test]
async fn the_unchanged_module_works() {
    assert_eq!(given(Module::default()).await.unwrap(), ["one"]);
    assert_eq!(given(Module::sink()).await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn row_5_invalid_outcomes_are_faults_of_the_record() {
    let claiming = |claims: &[(u32, u32)]| Module::default().claiming(claims);
    let at = |place: u32| with(|module| module.process = format!("i32.const {}", place.cast_signed()));
    // 10,000 failures that share one message of 60 KiB: 600 MB out of a memory of 256 KiB.
    let overlapping = with(|module| {
        module.memory = 4;
        module.more = "(func $fill (local $at i32)
                (local.set $at (i32.const 70000))
                (loop
                    (i32.store offset=8 (local.get $at) (i32.const 60000))
                    (local.set $at (i32.add (local.get $at) (i32.const 16)))
                    (br_if 0 (i32.lt_u (local.get $at) (i32.const 230000)))))
            (start $fill)"
            .to_owned();
    });
    let cases = [
        ("outcome beyond the memory", at(u32::MAX - 3)),
        ("outcome across its end", at(131_068)),
        ("outcome that is not aligned", at(4001)),
        ("data of 4 GiB", claiming(&[(4, u32::MAX)])),
        ("data that begins at the end", claiming(&[(0, u32::MAX)])),
        ("ends of 16 GiB", claiming(&[(12, u32::MAX)])),
        ("ends that are not aligned", claiming(&[(8, 65_537)])),
        ("counts beyond the memory", claiming(&[(16, 1), (20, 131_000), (24, 1000)])),
        ("counts that are neither there nor not", claiming(&[(16, 2)])),
        ("failures of 64 GiB", claiming(&[(32, u32::MAX)])),
        ("a message beyond the memory", claiming(&[(28, 4100), (32, 1), (104, 4100), (108, u32::MAX)])),
        ("a message that is no text", claiming(&[(28, 4100), (32, 1), (104, 4200), (108, 1), (200, 0xff)])),
        ("messages that overlap", overlapping.claiming(&[(28, 70_000), (32, 10_000)])),
    ];
    for (name, module) in cases {
        let said = given(module).await;
        assert_eq!(said.unwrap_err(), UNREADABLE, "{name}");
    }
}

#[tokio::test]
async fn row_5_the_address_from_realloc_is_checked() {
    // Only for the ends of a batch.
    let realloc = |text: &str| {
        let ends =
            "(i32.and (i32.eq (local.get $align) (i32.const 4)) (i32.ne (local.get $wanted) (i32.const 0)))";
        with(|module| module.realloc = format!("(if {ends} (then {text})) {}", module.realloc))
    };
    for (name, text, expected) in [
        ("beyond the memory", "(return (i32.const -16))", UNREADABLE),
        ("not aligned", "(return (i32.const 65537))", UNREADABLE),
        ("a trap", "unreachable", "record 1: f: trapped: unreachable code"),
        ("a loop", "(loop (br 0))", "record 1: f: took longer than 500ms"),
    ] {
        assert_eq!(given(realloc(text)).await.unwrap_err(), expected, "{name}");
    }
    let mut calls = realloc("(call $progress (i32.const 0))");
    calls.imports =
        r#"(import "engine:plugin/host@0.2.0" "progress" (func $progress (param i32)))"#.to_owned();
    let said = given(calls).await.unwrap_err();
    assert!(said.starts_with("record 1: f: "), "{said}");
}

#[tokio::test]
async fn row_5_invalid_function_lists_are_refused() {
    let unreadable = "it can't be loaded: asked for its functions, it broke the plugin contract: what it returned can't be read from its memory";
    let writing = |at: u32, words: &[u32]| Module::default().writing(at, words);
    let cases = [
        ("a list beyond the memory", writing(16, &[u32::MAX - 3, 1]), unreadable),
        ("a list of 300 GiB", writing(16, &[SIGNATURE, u32::MAX]), unreadable),
        ("a kind that is none", writing(SIGNATURE + 8, &[200]), unreadable),
        ("a name beyond the memory", writing(SIGNATURE, &[1024, u32::MAX]), unreadable),
        ("a name that is no text", writing(1024, &[0xff]), unreadable),
        ("a name without end", writing(SIGNATURE, &[7000, 100_000]), "it is not a plugin: "),
        (
            "a thousand functions of one name",
            repeated(1000, 0),
            "it is not a plugin: it has two functions named f",
        ),
        ("ten thousand functions", repeated(10_000, 0), "it is not a plugin: it has 10000 functions"),
        ("texts that overlap", repeated(10_000, 600_000), unreadable),
    ];
    for (name, module, expected) in cases {
        let said = given(module).await.unwrap_err();
        assert!(said.starts_with(expected), "{name}: {said}");
    }
}

/// The same function many times, each with the first bytes of the memory as its text.
fn repeated(count: u32, docs: u32) -> Module {
    let mut module = Module::default().writing(16, &[SIGNATURE, count]).writing(SIGNATURE + 84, &[0, docs]);
    let end = SIGNATURE + 92 * count;
    module.memory = end.div_ceil(1 << 16) + 1;
    // Each is a copy of the one before it.
    module.more = format!(
        "(func $fill (local $at i32)
            (local.set $at (i32.const {SIGNATURE}))
            (loop
                (memory.copy (i32.add (local.get $at) (i32.const 92)) (local.get $at) (i32.const 92))
                (local.set $at (i32.add (local.get $at) (i32.const 92)))
                (br_if 0 (i32.lt_u (local.get $at) (i32.const {}))))
            (global.set $next (i32.const {end})))
        (start $fill)",
        end - 92
    );
    module
}

#[tokio::test]
async fn row_2_a_loop_in_any_entry_point_times_out() {
    let late = "took longer than 500ms";
    let looping = |change: fn(&mut Module)| with(change);
    let cases = [
        ("start", looping(|module| module.more = "(func $s (loop (br 0))) (start $s)".to_owned())),
        ("describe", looping(|module| module.describe = LOOP.to_owned())),
        ("open", looping(|module| module.open = LOOP.to_owned())),
        ("process", looping(|module| module.process = LOOP.to_owned())),
        ("realloc", looping(|module| module.realloc = LOOP.to_owned())),
        ("after describe", looping(|module| module.post = "(loop (br 0))".to_owned())),
        ("finish", Module { finish: LOOP.to_owned(), ..Module::sink() }),
    ];
    for (name, module) in cases {
        let said = given(module).await.unwrap_err();
        assert!(said.ends_with(late), "{name}: {said}");
    }
}

#[tokio::test]
async fn row_1_a_trap_in_any_entry_point_is_reported() {
    let trapping = |change: fn(&mut Module)| with(change);
    let cases = [
        ("start", trapping(|module| module.more = "(func $s unreachable) (start $s)".to_owned())),
        ("describe", trapping(|module| module.describe = "unreachable".to_owned())),
        ("open", trapping(|module| module.open = "unreachable".to_owned())),
        ("process", trapping(|module| module.process = "unreachable".to_owned())),
        ("realloc", trapping(|module| module.realloc = "unreachable".to_owned())),
        ("after describe", trapping(|module| module.post = "unreachable".to_owned())),
        ("finish", Module { finish: "unreachable".to_owned(), ..Module::sink() }),
    ];
    for (name, module) in cases {
        let said = given(module).await.unwrap_err();
        assert!(said.ends_with("trapped: unreachable code"), "{name}: {said}");
    }
}

#[tokio::test]
async fn row_5_results_of_open_and_finish_are_checked() {
    let opening = |text: &str| with(|module| module.open = format!("{text} i32.const 3000"));
    // Its memory is all zeros: control characters, which are not shown.
    let refusal = "(i32.store (i32.const 3000) (i32.const 1)) (i32.store (i32.const 3004) (i32.const 66000))
        (i32.store (i32.const 3008) (i32.const 60000))";
    for (name, module) in [
        ("neither right nor wrong", opening("(i32.store (i32.const 3000) (i32.const 7))")),
        ("a stage that was never made", opening("(i32.store (i32.const 3004) (i32.const 12345))")),
        ("a refusal of 60 KiB", opening(refusal)),
        ("a refusal beyond the memory", opening(&refusal.replace("66000", "-1"))),
    ] {
        let said = given(module).await.unwrap_err();
        assert!(said.starts_with("f can't be opened: "), "{name}: {said}");
    }
    for (name, words) in [
        ("neither right nor wrong", [7, 0, 0, 0, 0]),
        ("data of 4 GiB", [0, 0, u32::MAX, 0, 0]),
        ("data without ends", [0, 0, 10, 0, 0]),
        ("ends without data", [0, 0, 0, SIGNATURE, 4]),
        ("a message beyond the memory", [1, u32::MAX, 1, 0, 0]),
    ] {
        let said = given(Module::sink().writing(FINISHED, &words)).await.unwrap_err();
        assert!(said.starts_with("f failed at the end of the stream: "), "{name}: {said}");
    }
}

#[tokio::test]
async fn row_4_memories_and_tables_are_bounded() {
    let more = |text: &str| with(|module| module.more = text.to_owned());
    let grows = |text: &str| {
        with(|module| {
            module.process = format!("(loop (br_if 0 (i32.ne ({text}) (i32.const -1)))) unreachable");
            module.more = "(table $t 1 funcref)".to_owned();
        })
    };
    let short = "needed more than 64.0 MiB of memory";
    let cases = [
        ("a memory of 4 GiB", with(|module| module.memory = 65_536)),
        ("a table of four thousand million", more("(table 4000000000 funcref)")),
        ("a memory that grows", grows("memory.grow (i32.const 16)")),
        ("a table that grows", grows("table.grow $t (ref.null func) (i32.const 1000)")),
        (
            "a memory that grows at the start",
            more(
                "(func $s (loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable) (start $s)",
            ),
        ),
    ];
    for (name, module) in cases {
        let said = given(module).await.unwrap_err();
        assert!(said.ends_with(short), "{name}: {said}");
    }
}

//! Invalid states, and invalid outcomes for records with keys.

use std::time::{Duration, Instant};

use engine::Pool;
use engine::function::Isolation;

use super::module::{Module, STATE};
use crate::support::ran;

/// What it gives for two records, each with a sandbox of its own that goes on with the state.
async fn given(module: Module) -> Result<Vec<String>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = module.component(&folder);
    let builder = Pool::builder().threads(1).timeout(Duration::from_millis(500)).memory(1 << 20);
    let pool = builder.isolation(Isolation::Record).build().unwrap();
    let function = pool.blocking_load(path).unwrap().function::<String, String>("f").unwrap();
    let begun = Instant::now();
    let records = ["one", "two"].map(str::to_owned);
    let (outputs, ended) =
        ran(records, |lines| lines.accumulate_by(|line: &String| line.clone(), &function)).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "it took {:?}", begun.elapsed());
    ended.map(|()| outputs).map_err(|error| error.to_string())
}

#[tokio::test]
async fn the_unchanged_module_works() {
    assert_eq!(given(Module::accumulate()).await.unwrap(), ["one", "two"]);
}

#[tokio::test]
async fn row_5_invalid_states_end_the_run_with_one_line() {
    let unreadable = "f can't hand over its state: it broke the plugin contract: what it returned can't be read from its memory";
    for (name, words) in [
        ("neither right nor wrong", [7, 0, 0]),
        ("4 GiB", [0, 16, u32::MAX]),
        ("beyond the memory", [0, u32::MAX - 3, 16]),
        ("an error beyond the memory", [1, 16, u32::MAX]),
    ] {
        let said = given(Module::accumulate().writing(STATE, &words)).await.unwrap_err();
        assert!(said.starts_with(unreadable), "{name}: {said}");
    }
    let half = Module::accumulate().writing(STATE, &[0, 0, 1 << 15]);
    assert_eq!(given(half).await.unwrap(), ["one", "two"], "it may be any of its memory");
    // Where the host writes it, there is no room.
    let all = Module::accumulate().writing(STATE, &[0, 0, 2 << 16]);
    let said = given(all).await.unwrap_err();
    assert!(said.starts_with("f can't be opened: it "), "{said}");
    for (state, said) in [
        ("(loop (br 0)) unreachable", "took longer than 500ms"),
        ("unreachable", "trapped: unreachable code"),
        ("i32.const -4", "broke the plugin contract: what it returned can't be read from its memory"),
    ] {
        let module = Module { state: state.to_owned(), ..Module::accumulate() };
        let error = given(module).await.unwrap_err();
        assert!(error.starts_with(&format!("f can't hand over its state: it {said}")), "{error}");
    }
}

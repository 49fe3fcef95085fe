//! The boundary alone: the cost of passing one record, and many, into a sandbox.
//!
//! `cargo bench -p bench`. The plugin is `plugins/inc`, which this builds.

use std::path::{Path, PathBuf};
use std::process::Command;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use engine::{Error, Function, Pool, Source, sources};
use tokio::runtime::Runtime;

/// Lines of a run of the batch benchmarks: several full calls.
const LINES: u64 = 1 << 16;

/// The component of `plugins/inc`, built as users build theirs.
fn inc() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("bench/ is in the repository");
    let output = std::env::temp_dir().join(format!("engine-bench-inc-{}.wasm", std::process::id()));
    let mut cargo = Command::new("cargo");
    cargo.args([
        "run",
        "--quiet",
        "--release",
        "--package",
        "engine-cli",
        "--",
        "build",
        "plugins/inc",
        "--output",
    ]);
    let status = cargo.arg(&output).current_dir(root).status().expect("cargo runs");
    assert!(status.success(), "plugins/inc does not build");
    output
}

fn load(pool: &Pool) -> Function<i64, i64> {
    pool.blocking_load(inc()).and_then(|plugin| plugin.only_function()).expect("it loads")
}

/// One record in each call, and a closure on the host to compare it with.
fn single(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let pool = Pool::new().expect("a pool");
    let inc = load(&pool);
    let (guest, closure) = (Source::new(), Source::new());
    guest.stream().map(&inc).sink(|_: i64| {});
    closure.stream().map(|x: i64| x + 1).sink(|_: i64| {});
    for (name, source) in
        [("one record through a sandbox", &guest), ("one element through a closure", &closure)]
    {
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| runtime.block_on(source.emit(41)).expect("it is accepted"));
        });
    }
}

/// Lines through one thread, from memory to a sink that drops them.
fn batches(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let pool = Pool::builder().threads(1).build().expect("a pool");
    let inc = load(&pool);
    let text: String = (0..LINES).map(|x| format!("{}\n", 10_000_000 + x)).collect();
    let mut group = criterion.benchmark_group("batches");
    group.throughput(Throughput::Elements(LINES));
    group.bench_function("lines through a sandbox", |bencher| {
        bencher.iter(|| runtime.block_on(pass(&pool, &inc, text.clone())).expect("it ends well"));
    });
    group.finish();
}

async fn pass(pool: &Pool, inc: &Function<i64, i64>, text: String) -> Result<(), Error> {
    let source = Source::new();
    source.stream().scatter(pool).map(inc).buffer(1 << 16).gather();
    sources::lines(std::io::Cursor::new(text.into_bytes())).emit_into(&source).await?;
    source.close().await
}

criterion_group!(boundary, single, batches);
criterion_main!(boundary);

//! Any file is soon known to be a plugin or not; its functions stay within their limits.
#![no_main]

use std::io::Write;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use engine::function::Isolation;
use engine::{Kind, Pool, Source};
use libfuzzer_sys::fuzz_target;

/// Time for loading, two functions of one record, and what a busy machine adds.
const SOON: Duration = Duration::from_secs(10);

static POOL: LazyLock<Pool> = LazyLock::new(|| {
    let builder = Pool::builder().threads(1).timeout(Duration::from_millis(200));
    // The state is saved and restored after each record.
    builder.memory(16 << 20).plugin_size(1 << 20).isolation(Isolation::Record).build().unwrap()
});

fuzz_target!(|bytes: &[u8]| {
    let pool = &*POOL;
    let begun = Instant::now();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    if let Ok(plugin) = pool.blocking_load(file.path()) {
        let names: Vec<_> = plugin.signatures().iter().map(|signature| signature.name.clone()).collect();
        for name in names.iter().take(2) {
            if let Ok(function) = plugin.function::<Vec<u8>, Vec<u8>>(name) {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(async {
                    let source = Source::<Vec<u8>>::new();
                    let stream = source.stream();
                    let stream = match function.signature().kind {
                        Kind::Accumulate => {
                            stream.accumulate_by(|record: &Vec<u8>| record.clone(), &function)
                        }
                        _ => stream.scatter(pool).apply(&function).gather(),
                    };
                    stream.sink(|_: Vec<u8>| {});
                    // It may fail; it must end.
                    let _ = source.emit(b"one".to_vec()).await;
                    let _ = source.emit(b"two".to_vec()).await;
                    let _ = source.close().await;
                });
            }
        }
    }
    assert!(begun.elapsed() < SOON, "it took {:?}", begun.elapsed());
});

//! A file of dead letters gives its records, up to the first line that is not a dead letter.
#![no_main]

use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use engine::{Source, sources};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let lines = bytes.split(|byte| *byte == b'\n').count();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let given = Arc::new(AtomicUsize::new(0));
    let count = given.clone();
    runtime.block_on(async move {
        let source = Source::<Vec<u8>>::new();
        source.stream().sink(move |_: Vec<u8>| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        // A line that is not a dead letter is a fault, which ends the run.
        let _ = sources::dead_letters(Cursor::new(bytes.to_vec())).emit_into(&source).await;
        let _ = source.close().await;
    });
    assert!(given.load(Ordering::Relaxed) <= lines);
});

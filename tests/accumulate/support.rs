//! Helpers: records as bytes, and functions of the plugin `liar`.

use std::io::Cursor;
use std::time::Duration;

use engine::function::Isolation;
use engine::{Pool, Source, sources};

use crate::support::{Ran, hostile, list};

pub(super) type Bytes = Vec<u8>;

/// Records of these texts.
pub(super) fn lines(records: &[&str]) -> Vec<Bytes> {
    records.iter().map(|record| record.as_bytes().to_vec()).collect()
}

/// Records as texts.
pub(super) fn text(records: Vec<Bytes>) -> Vec<String> {
    records.into_iter().map(|record| String::from_utf8(record).unwrap()).collect()
}

/// The result of a function of the plugin `liar` for these records, with a sandbox per call.
pub(super) async fn ran_liar(name: &str, records: &[&str]) -> Ran<String> {
    let builder = Pool::builder().threads(1).timeout(Duration::from_millis(300)).memory(32 << 20);
    let pool = builder.isolation(Isolation::Batch).build().unwrap();
    let function = pool.blocking_load(hostile("liar")).unwrap().function::<String, String>(name).unwrap();
    let source = Source::<String>::new();
    let (outputs, list) = list();
    source.stream().accumulate(&function).sink(move |x: String| list.lock().unwrap().push(x));
    let text: String = records.iter().map(|record| format!("{record}\n")).collect();
    let emitted = sources::lines(Cursor::new(text)).emit_into(&source).await;
    let ended = source.close().await.and(emitted);
    let outputs = std::mem::take(&mut *outputs.lock().unwrap());
    (outputs, ended)
}

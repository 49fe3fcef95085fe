//! Runs of streams, and the elements that reach their sinks.

use std::sync::{Arc, Mutex};

use engine::{Error, Record, Sink, Source, Stream};

/// The elements that reached a run's sink, and how it ended.
pub(crate) type Ran<T> = (Vec<T>, Result<(), Error>);

/// Emits `inputs` into the graph that `build` makes, and closes it.
pub(crate) async fn ran<T, U>(
    inputs: impl IntoIterator<Item = T>,
    build: impl FnOnce(Stream<T>) -> Stream<U>,
) -> Ran<U>
where
    T: Clone + Send + 'static,
    U: Clone + Send + 'static,
{
    let source = Source::new();
    let (outputs, list) = list();
    build(source.stream()).sink(move |x: U| list.lock().expect("no panic").push(x));
    let mut emitted = Ok(());
    for input in inputs {
        emitted = source.emit(input).await;
        if emitted.is_err() {
            break;
        }
    }
    let ended = source.close().await.and(emitted);
    let outputs = std::mem::take(&mut *outputs.lock().expect("no panic"));
    (outputs, ended)
}

/// The elements that a sink collects.
pub(crate) type List<T> = Arc<Mutex<Vec<T>>>;

/// A list that a sink fills, and a second handle to it.
pub(crate) fn list<T>() -> (List<T>, List<T>) {
    let list = Arc::new(Mutex::new(Vec::new()));
    (list.clone(), list)
}

/// Writes records to a sink and closes it.
pub(crate) async fn put<T: Record>(
    records: impl IntoIterator<Item = T>,
    sink: impl Sink<T>,
) -> Result<(), Error> {
    let source = Source::new();
    source.stream().sink(sink);
    let mut emitted = Ok(());
    for record in records {
        emitted = source.emit(record).await;
        if emitted.is_err() {
            break;
        }
    }
    source.close().await.and(emitted)
}

//! Sources that feed a test: what they give, and how they end.

use std::time::Duration;

use engine::sources::Feed;
use engine::{CancellationToken, Error, Record, Source, Stream, sinks};
use tokio::sync::mpsc;

/// All records of a source, and how it ended.
pub(crate) async fn fed<T: Record>(feed: impl Feed<T>) -> (Vec<T>, Result<(), Error>) {
    let source = Source::new();
    let (sink, list) = sinks::list();
    source.stream().sink(sink);
    let fed = feed.feed(&source, &CancellationToken::new()).await;
    let closed = source.close().await;
    (list.take(), fed.and(closed))
}

/// The lines of a source that must not fail.
pub(crate) async fn lines_of(feed: impl Feed<String>) -> Vec<String> {
    let (lines, ended) = fed(feed).await;
    ended.unwrap();
    lines
}

pub(crate) async fn fed_error(feed: impl Feed<String>) -> Error {
    fed(feed).await.1.unwrap_err()
}

/// A source that a task feeds until it is stopped.
pub(crate) struct Fed {
    coming: mpsc::Receiver<String>,
    pub(crate) stop: CancellationToken,
    pub(crate) ended: tokio::task::JoinHandle<Result<(), Error>>,
}

impl Fed {
    pub(crate) fn new(feed: impl Feed<String>) -> Self {
        Self::through(feed, |stream| stream)
    }

    pub(crate) fn through(
        feed: impl Feed<String>,
        build: impl FnOnce(Stream<String>) -> Stream<String>,
    ) -> Self {
        let (sender, coming) = mpsc::channel(1);
        let (source, stop) = (Source::new(), CancellationToken::new());
        build(source.stream()).sink(sinks::consumer(Passed(sender)));
        let stopped = stop.clone();
        let ended = tokio::spawn(async move {
            let fed = feed.feed(&source, &stopped).await;
            fed.and(source.close().await)
        });
        Self { coming, stop, ended }
    }

    /// The next records.
    pub(crate) async fn next<const N: usize>(&mut self) -> [String; N] {
        let mut records = [const { String::new() }; N];
        for record in &mut records {
            let came = tokio::time::timeout(Duration::from_secs(20), self.coming.recv()).await;
            *record = came.expect("it comes soon").expect("there is one");
        }
        records
    }

    pub(crate) async fn stop(self) -> Result<(), Error> {
        self.stop.cancel();
        drop(self.coming);
        tokio::time::timeout(Duration::from_secs(20), self.ended).await.expect("it ends soon").unwrap()
    }
}

/// Passes records on to the test.
struct Passed(mpsc::Sender<String>);

impl sinks::Consumer<String> for Passed {
    async fn take(&mut self, record: String) -> Result<(), sinks::Refusal> {
        let _ = self.0.send(record).await;
        Ok(())
    }
}

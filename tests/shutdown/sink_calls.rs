//! Sinks that are at work when a run stops.

use std::io::Write;

use engine::sources::Feed;
use engine::{CancellationToken, Error, Source, sinks, sources};
use tokio::sync::mpsc;

/// A sink that delivers what it holds when the test says so.
struct Slow {
    pausing: mpsc::Sender<tokio::sync::oneshot::Sender<()>>,
    /// Sends once it gets a record: a source may pause before it has read one.
    has_some: bool,
}

impl sinks::Consumer<String> for Slow {
    async fn take(&mut self, _: String) -> Result<(), sinks::Refusal> {
        self.has_some = true;
        Ok(())
    }

    async fn pause(&mut self) -> Result<(), Error> {
        if !self.has_some {
            return Ok(());
        }
        let (done, wait) = tokio::sync::oneshot::channel();
        let _ = self.pausing.send(done).await;
        let _ = wait.await;
        Ok(())
    }
}

#[tokio::test]
async fn a_stop_does_not_interrupt_a_sink_call() {
    let (pausing, mut paused) = mpsc::channel(1);
    let (source, stop) = (Source::new(), CancellationToken::new());
    source.stream().sink(sinks::consumer(Slow { pausing, has_some: false }));
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"1\n").unwrap();
    let stopping = async {
        let done = paused.recv().await.unwrap();
        stop.cancel();
        tokio::task::yield_now().await;
        done.send(()).unwrap();
        paused.close();
    };
    let (fed, ()) = tokio::join!(sources::lines(reader).feed(&source, &stop), stopping);
    fed.unwrap();
    source.close().await.unwrap();
    assert_eq!(source.progress().counts().delivered, 1);
}

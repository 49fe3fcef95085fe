//! `gather`: takes results back from a pool.

use std::sync::{Arc, Weak};

use crate::Error;
use crate::executor::{Buffer, Due, Next, Segment};
use crate::graph::crossing::Crossing;
use crate::graph::{CALLS_COUNT, Items, Outlet, Scattered, Stream};
use crate::monitor::{Gauge, Meter};
use crate::progress::Detached;
use crate::record::Record;

impl<T: Record> Scattered<T> {
    /// Takes the results back in the order in which their records were emitted.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Pool, Source, sinks};
    ///
    /// let (pool, source) = (Pool::new()?, Source::new());
    /// let (sink, results) = sinks::list();
    /// source.stream().scatter(&pool).buffer(8).gather().sink(sink);
    /// for x in [3, 1, 2] {
    ///     source.emit(x).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(results.take(), [3, 1, 2]);
    /// # Ok(()) }
    /// ```
    pub fn gather(self) -> Stream<T> {
        self.unscattered().unwrap_or_else(|scattered| scattered.gathered(true).0)
    }

    /// Takes the results back as they come: a slow record does not hold those after it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Pool, Source, sinks};
    ///
    /// let (pool, source) = (Pool::new()?, Source::new());
    /// let (sink, results) = sinks::list();
    /// source.stream().scatter(&pool).buffer(8).gather_unordered().sink(sink);
    /// for x in [3, 1, 2] {
    ///     source.emit(x).await?;
    /// }
    /// source.close().await?;
    /// let mut results = results.take();
    /// results.sort();
    /// assert_eq!(results, [1, 2, 3]);
    /// # Ok(()) }
    /// ```
    pub fn gather_unordered(self) -> Stream<T> {
        self.unscattered().unwrap_or_else(|scattered| scattered.gathered(false).0)
    }

    /// The stream as it was before, if nothing runs on the pool and nothing is to wait.
    fn unscattered(mut self) -> Result<Stream<T>, Box<Self>> {
        match self.untouched.take().filter(|_| self.buffer.is_none() && self.misuse.is_none()) {
            Some(outlet) => Ok(Stream { outlet, context: self.context, apart: true, watched: self.before }),
            None => Err(Box::new(self)),
        }
    }

    pub(crate) fn gathered(self, ordered: bool) -> (Stream<T>, Arc<Segment>) {
        let Self { pool, connect, context, watched, stages, buffer, misuse, depth, .. } = self;
        let last = stages.last().map_or("scatter", |stage| stage.name());
        let from = Arc::from(last);
        let buffer = buffer.unwrap_or(Buffer::Exactly(1));
        let segment = Segment::new(pool.executor(), stages, buffer, ordered, context.clone());
        let outlet = Outlet::new(&context, depth + CALLS_COUNT + 1);
        if let Some(watched) = &watched {
            let work: Weak<dyn Gauge> = Arc::<Segment>::downgrade(&segment);
            watched.holds(&work);
        }
        let (watched, meter) = watched.map(|watched| watched.behind("gather")).unzip();
        if let Some(watched) = &watched {
            watched.hands_over(None);
        }
        let task = gather(segment.clone(), outlet.clone(), from, meter);
        connect(Crossing { segment: segment.clone(), misuse, gather: Detached::new(task, &context) });
        (Stream { outlet, context, apart: true, watched }, segment)
    }
}

/// Ends the segment when the gathering ends, so that no task waits for it in vain: even if a
/// closure after it panicked.
struct EndOfSegment(Arc<Segment>);

impl Drop for EndOfSegment {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// Passes results on until there are no more.
async fn gather<T: Record>(
    segment: Arc<Segment>,
    outlet: Outlet<T>,
    from: Arc<str>,
    meter: Option<Meter>,
) -> Result<(), Error> {
    let end = EndOfSegment(segment);
    let passed = pass(&end.0, &outlet, &from, meter.as_ref()).await;
    if let Err(error) = &passed {
        end.0.fail(error.clone());
    }
    // What was passed on before a failure must get to its end too. If it fails there, that is the
    // earlier failure in the order of records.
    outlet.close().await.and(passed)
}

async fn pass<T: Record>(
    segment: &Arc<Segment>,
    outlet: &Outlet<T>,
    from: &Arc<str>,
    meter: Option<&Meter>,
) -> Result<(), Error> {
    let mut paused = false;
    loop {
        match segment.next(paused).await? {
            Next::Due(Due { output, failures, permits, last, receipt }) => {
                paused = false;
                let mut settling = segment.settling(output, failures);
                while !settling.is_over() {
                    let output = settling.next_outputs();
                    if let Some(meter) = meter {
                        meter.count(output.len());
                    }
                    if !output.is_empty() {
                        outlet.send(Items::records(output, from.clone())).await?;
                    }
                    segment.settle(&mut settling)?;
                }
                segment.delivered(permits, last, receipt);
            }
            Next::Pause => {
                outlet.pause().await?;
                paused = true;
            }
            Next::End => return Ok(()),
        }
    }
}

//! The beginning of a graph: where elements are emitted.

use std::path::Path;
use std::sync::{Arc, PoisonError};

use tokio::sync::{Mutex, MutexGuard};

use super::{Items, Outlet, Stream};
use crate::error::InputError;
use crate::fault::{Cause, Fault};
use crate::metrics::Counts;
use crate::monitor::SourceFigures;
use crate::monitor::Watched;
use crate::progress::{BoxFuture, Done, GraphContext, Snapshot};
use crate::record::{Batch, BatchBuilder, LONGEST, Record};
use crate::text::PlainText;
use crate::{Error, FaultPolicy, Monitor, Place, Unit};

/// So many bytes are emitted at once, unless a record is longer.
const PIECE: usize = 256 << 10;

/// Where elements enter a graph, and where its errors come back.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
/// use std::sync::{Arc, Mutex};
///
/// let seen = Arc::new(Mutex::new(Vec::new()));
/// let source = engine::Source::new();
/// let list = seen.clone();
/// source.stream().map(|x: i64| x + 1).sink(move |x: i64| list.lock().unwrap().push(x));
/// for x in 0..3 {
///     source.emit(x).await?;
/// }
/// source.close().await?;
/// assert_eq!(*seen.lock().unwrap(), [1, 2, 3]);
/// # Ok(()) }
/// ```
pub struct Source<T> {
    outlet: Outlet<T>,
    context: Arc<GraphContext>,
    watched: Option<Watched>,
    /// What a close waits for when all has reached its end.
    endings: std::sync::Mutex<Vec<Ending>>,
    /// Held while an element is on its way, so that many emits at once keep their order.
    state: Mutex<State>,
}

/// What is left to do when everything has reached its end, or the run has failed; may be called again.
type Ending = Arc<dyn Fn() -> BoxFuture<'static, Result<(), Error>> + Send + Sync>;

struct State {
    /// The number of the next record.
    next: u64,
    /// No more emits.
    closed: bool,
    /// Everything has reached its end.
    ended: bool,
    failed: Option<Error>,
}

impl<T: Clone + Send + 'static> Source<T> {
    /// A source of elements that the program emits.
    #[must_use]
    pub fn new() -> Self {
        let state = Mutex::new(State { next: 1, closed: false, ended: false, failed: None });
        let context = Arc::default();
        let (outlet, endings) = (Outlet::new(&context, 0), std::sync::Mutex::default());
        Self { outlet, context, watched: None, endings, state }
    }

    /// The same, watched by a [`Monitor`](crate::Monitor): it tells what goes through each node that is built
    /// after this, and can hold the source.
    #[must_use]
    pub fn monitored(self, monitor: &Monitor) -> Self {
        self.monitored_as(monitor, "source", "source")
    }

    /// The same with a name, and what people call such a source.
    pub(crate) fn monitored_as(mut self, monitor: &Monitor, name: &str, kind: &str) -> Self {
        let watch = monitor.watch();
        let place = watch.graph.add_source(name, kind, &self.context);
        watch.add_source(self.context.clone());
        let _ = self.context.watch.set(watch.clone());
        self.watched = Some(Watched { watch: watch.clone(), from: vec![place] });
        self
    }

    pub(crate) fn watched(&self) -> Option<&Watched> {
        self.watched.as_ref()
    }

    pub(crate) fn context(&self) -> &Arc<GraphContext> {
        &self.context
    }

    /// So many bytes are to be read, of which it is told by the sources in this crate how many were.
    pub fn expects(&self, bytes: u64) {
        self.context.expect_bytes(bytes);
    }

    /// The same, but its first element has the number behind `number`: the run goes on where another one
    /// stopped.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// # use engine::{Error, FaultPolicy, Source};
    /// let source = Source::new().numbered_after(10);
    /// let numbers = source.stream().try_map(|line: String| line.parse::<i64>(), &FaultPolicy::stop());
    /// # numbers.sink(|_: i64| {});
    /// source.emit("1".to_owned()).await?;
    /// assert_eq!(source.last_number(), 11);
    /// let failed = source.emit("two".to_owned()).await;
    /// assert!(matches!(failed, Err(Error::Fault(fault)) if fault.record == 12));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn numbered_after(mut self, number: u64) -> Self {
        self.state.get_mut().next = number + 1;
        self.context.begin_after(number);
        self
    }

    /// The same, but functions that accumulate go on with the states of `snapshot`, behind whose record the
    /// elements are numbered: the run repeats some of another one. What came of its records up to `done` is
    /// there already, so the last of these functions gives nothing for them.
    ///
    /// The graph must be as it was, and these functions one behind another; it is to be built after this.
    ///
    /// ```no_run
    /// # #[tokio::main] async fn main() -> Result<(), engine::Error> {
    /// # use std::sync::{Arc, OnceLock};
    /// # use engine::{Pool, Source, sinks};
    /// let pool = Pool::new()?;
    /// let sum = pool.load("sum.wasm")?.function::<i64, i64>("sum")?;
    /// let (source, kept) = (Source::new(), Arc::new(OnceLock::new()));
    /// # let keep = kept.clone();
    /// source.on_snapshot(move |snapshot| drop(keep.set(snapshot)));
    /// source.stream().accumulate(&sum).sink(|_: i64| {});
    /// source.emit(1).await?;
    /// source.want_snapshot();
    /// source.emit(2).await?;
    /// # source.close().await?;
    ///
    /// // It is of the first element: another run repeats the second one, whose sum is there already.
    /// let snapshot = kept.get().cloned().expect("it was told with the second element");
    /// let (source, (sink, sums)) = (Source::new().resumed(snapshot, 2), sinks::list());
    /// source.stream().accumulate(&sum).sink(sink);
    /// source.emit(2).await?;
    /// source.emit(3).await?;
    /// source.close().await?;
    /// assert_eq!(sums.take(), [6]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn resumed(self, snapshot: Snapshot, done: u64) -> Self {
        let this = self.numbered_after(snapshot.record);
        this.context.snapshots.begin_with(snapshot, done);
        this
    }

    /// `told` is called with each [snapshot](Self::want_snapshot). It must be quick; only the first one set
    /// is told.
    pub fn on_snapshot(&self, told: impl Fn(Snapshot) + Send + Sync + 'static) {
        self.context.snapshots.tell(told);
    }

    /// Asks for the states of the functions that accumulate, all of them behind the same record. They are
    /// told with one of the next records; never, if no function accumulates.
    pub fn want_snapshot(&self) {
        self.context.snapshots.want();
    }

    /// Where a record stood in the files that were read, if that is known.
    #[must_use]
    pub fn place(&self, record: u64) -> Option<Place> {
        self.context.place(record)
    }

    /// The next records are of another input, and are its units.
    pub(crate) fn begin_input(&self, name: Option<(&Path, Unit)>) {
        self.context.begin_input(name.map(|(path, unit)| (path.display().to_string().into(), unit)));
    }

    /// The number of the last element that was emitted.
    #[must_use]
    pub fn last_number(&self) -> u64 {
        self.context.last()
    }

    /// `told` is called each time that more elements have left the graph, and says which of them were faults. Of
    /// several sources whose streams come together nothing is told. An unordered gather tells only when nothing is
    /// left behind its scatter.
    ///
    /// It must be quick, and is to be set before the first element.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use std::num::NonZeroUsize;
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    ///
    /// let (source, done) = (engine::Source::new(), Arc::new(AtomicU64::new(0)));
    /// let last = done.clone();
    /// source.on_done(move |now| last.store(now.last, Relaxed));
    /// source.stream().partition(NonZeroUsize::new(2).unwrap()).sink(|_: Vec<i64>| {});
    /// for x in [1, 2, 3] {
    ///     source.emit(x).await?;
    /// }
    /// assert_eq!(done.load(Relaxed), 2); // the third one waits for another
    /// source.close().await?;
    /// assert_eq!(done.load(Relaxed), 3);
    /// # Ok(()) }
    /// ```
    pub fn on_done(&self, told: impl Fn(Done<'_>) + Send + Sync + 'static) {
        self.context.tell(told);
    }

    /// Lets sinks pass on what they hold back only to be faster: what [has left the graph](Self::on_done) before is
    /// out then, so that whoever gave it may forget it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engine::{Output, Source, sinks};
    /// let file = tempfile::NamedTempFile::new()?;
    /// let source = Source::new();
    /// source.stream().buffer(8).sink(sinks::lines(&Output::new(file.reopen()?)));
    /// let (told, mut done) = tokio::sync::mpsc::channel(8);
    /// source.on_done(move |now| drop(told.try_send(now.last)));
    /// source.emit(1).await?;
    /// assert_eq!(done.recv().await, Some(1));
    /// source.flush().await?;
    /// assert_eq!(std::fs::read_to_string(file.path())?, "1\n");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// Why a sink can't.
    pub async fn flush(&self) -> Result<(), Error> {
        self.context.flush().await
    }

    /// The number of the last element that a sink has taken, or a part of it: it may be ahead of what
    /// [has left the graph](Self::on_done).
    #[must_use]
    pub fn last_delivered(&self) -> u64 {
        self.context.last_delivered()
    }

    /// How many records became faults, of those that [have left the graph](Self::on_done); counted only if
    /// somebody is told of them.
    #[must_use]
    pub fn faults_done(&self) -> u64 {
        self.context.faults_done()
    }

    /// Its stream. Each call begins a branch; elements go to one branch after another.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// # use engine::{Source, sinks};
    /// let source = Source::new();
    /// let ((all, numbers), (some, even)) = (sinks::list(), sinks::list());
    /// source.stream().sink(all);
    /// source.stream().filter(|x: &i64| x % 2 == 0).sink(some);
    /// for x in 1..=4 {
    ///     source.emit(x).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!((numbers.take(), even.take()), (vec![1, 2, 3, 4], vec![2, 4]));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn stream(&self) -> Stream<T> {
        let (outlet, context, watched) = (self.outlet.clone(), self.context.clone(), self.watched.clone());
        Stream { outlet, context, apart: false, watched }
    }

    /// Emits an element, and waits until every node behind has accepted it: while a buffer is full
    /// or a sink is slow, this is where the program waits.
    ///
    /// Must be called within a Tokio runtime; from one of its tasks it is fastest, since results then
    /// reach their sink without waking another thread. Where no worker is busy, a plugin's function may
    /// run on the caller's thread, for some milliseconds at most. Given up midway, the element may or may not be on its
    /// way; none is lost that was accepted, and the next one can be emitted.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use engine::{Error, Source, sinks};
    ///
    /// let source = Source::new();
    /// let (sink, numbers) = sinks::list();
    /// source.stream().sink(sink);
    /// source.emit(1).await?;
    /// assert_eq!(numbers.read(), [1]);
    /// source.close().await?;
    /// assert!(matches!(source.emit(2).await, Err(Error::Closed)));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// The failure that ended the run, which may be of an earlier element; [`Error::Closed`] after
    /// [`close`](Self::close).
    pub async fn emit(&self, element: T) -> Result<(), Error> {
        let mut state = self.ready().await?;
        let number = state.next;
        state.next += 1;
        let sent = self.outlet.send(Items::One(number, element)).await;
        self.context.emit(1);
        let sent = match sent {
            Ok(()) => self.outlet.pause().await,
            error => error,
        };
        if sent.is_ok() {
            self.context.accepted();
        }
        state.note(sent)
    }

    async fn ready(&self) -> Result<MutexGuard<'_, State>, Error> {
        // Others have their turn too, where nothing behind ever waits.
        tokio::task::coop::consume_budget().await;
        if let Some(watch) = self.context.watch.get() {
            watch.control.may_go_on().await;
        }
        let state = match self.state.try_lock() {
            Ok(state) => state,
            Err(_) => self.state.lock().await,
        };
        match &state.failed {
            Some(error) => Err(error.clone()),
            None if state.closed => Err(Error::Closed),
            None => Ok(state),
        }
    }

    /// Ends the stream, and waits until every element has reached its sink or is a fault. Given up
    /// midway, it can be called again.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// # use std::num::NonZeroUsize;
    /// # use engine::{Source, sinks};
    /// let (source, two) = (Source::new(), NonZeroUsize::new(2).unwrap());
    /// let (sink, pairs) = sinks::list();
    /// source.stream().partition(two).buffer(8).sink(sink);
    /// for x in 1..=3 {
    ///     source.emit(x).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(pairs.take(), [vec![1, 2], vec![3]]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// The failure that ended the run, after the elements before it have reached their sinks. Of
    /// several faults it is the first in the order of records, while an [`emit`](Self::emit) may
    /// have returned another one.
    pub async fn close(&self) -> Result<(), Error> {
        let mut state = self.state.lock().await;
        state.closed = true;
        if !state.ended {
            // What fails on the way out comes before what an emit has failed for.
            match self.outlet.close().await {
                Err(error) => state.failed = Some(error),
                Ok(()) if state.failed.is_none() => self.context.accepted(),
                Ok(()) => {}
            }
            let endings = self.endings.lock().unwrap_or_else(PoisonError::into_inner).clone();
            for ending in endings {
                let ended = ending().await;
                state.failed = state.failed.take().or(ended.err());
            }
            state.ended = true;
        }
        state.failed.clone().map_or(Ok(()), Err)
    }

    /// A close waits for this when everything has reached its end, or the run has failed.
    #[cfg(feature = "cluster")]
    pub(crate) fn before_end(
        &self,
        ending: impl Fn() -> BoxFuture<'static, Result<(), Error>> + Send + Sync + 'static,
    ) {
        self.endings.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(ending));
    }

    /// Waits until the graph behind has failed, so that one that waits for input need not wait for more.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// # use engine::{FaultPolicy, Source};
    /// let source = Source::new();
    /// let lines = source.stream().buffer(8); // what is behind fails after the emit
    /// let numbers = lines.try_map(|line: String| line.parse::<i64>(), &FaultPolicy::stop());
    /// numbers.sink(|_: i64| {});
    /// source.emit("one".to_owned()).await?;
    /// let error = source.failure().await;
    /// assert_eq!(error.to_string(), "record 1: try_map: invalid digit found in string");
    /// # Ok(()) }
    /// ```
    pub async fn failure(&self) -> Error {
        self.context.failure().await
    }

    /// How many elements went where so far.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// # use engine::{FaultPolicy, Source};
    /// let source = Source::new();
    /// let numbers = source.stream().try_map(|line: String| line.parse::<i64>(), &FaultPolicy::skip());
    /// numbers.sink(|_: i64| {});
    /// for line in ["1", "two", "3"] {
    ///     source.emit(line.to_owned()).await?;
    /// }
    /// source.close().await?;
    /// let counts = source.counts();
    /// assert_eq!((counts.emitted, counts.delivered, counts.faults), (3, 2, 1));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.context.counts()
    }
}

impl<T: Record> Source<T> {
    /// Emits records as the bytes that they are, one after another as [`emit`](Self::emit) would. Where values
    /// are wanted they are read as `T`; bytes that are none are a fault then.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// # use engine::{Source, sinks};
    /// let source = Source::new();
    /// let (sink, numbers) = sinks::list::<i64>();
    /// source.stream().sink(sink);
    /// source.emit_records(["1", "2"]).await?;
    /// source.close().await?;
    /// assert_eq!(numbers.take(), [1, 2]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// If a record is longer than 32 MiB, after the ones before were emitted; and those of
    /// [`emit`](Self::emit).
    pub async fn emit_records<R: AsRef<[u8]>>(
        &self,
        records: impl IntoIterator<Item = R>,
    ) -> Result<(), Error> {
        let (batches, too_long) = batches(records);
        for batch in batches {
            self.emit_batch(batch).await?;
        }
        self.pause().await?;
        let too_long = too_long.then(|| {
            Error::Input(InputError::LongRecord { record: self.last_number() + 1, limit: LONGEST as u64 })
        });
        too_long.map_or(Ok(()), Err)
    }

    /// Counts a record that `name` could not make sense of: it takes a number as if it were emitted, and is a
    /// fault, with which is done what `policy` says.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// # use engine::{FaultPolicy, Source, sinks};
    /// let source = Source::new();
    /// let (sink, numbers) = sinks::list();
    /// source.stream().sink(sink);
    /// source.emit(1).await?;
    /// source.refuse(b"?", "reader", "it is no number", &FaultPolicy::skip()).await?;
    /// source.emit(3).await?;
    /// source.close().await?;
    /// assert_eq!((numbers.take(), source.last_number(), source.counts().faults), (vec![1, 3], 3, 1));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// The fault, if it ends the run; and those of [`emit`](Self::emit).
    pub async fn refuse(
        &self,
        record: &[u8],
        name: &str,
        message: impl Into<String>,
        policy: &FaultPolicy,
    ) -> Result<(), Error> {
        let mut state = self.ready().await?;
        let number = state.next;
        state.next += 1;
        let cause = Cause::Failed { message: PlainText::short(message), retryable: false };
        let fault = Fault { record: number, function: name.into(), cause };
        let settled = policy.settle(fault, || record.into(), 1, &*self.context);
        self.context.emit(1);
        if settled.is_ok() {
            self.context.accepted();
        }
        state.note(settled)
    }

    /// Emits records that were read as bytes, numbered on from the last one.
    pub(crate) async fn emit_batch(&self, batch: Batch) -> Result<(), Error> {
        self.emit_numbered(batch, |_| {}).await
    }

    /// The same; `told` is given the number of the first one before it goes anywhere.
    pub(crate) async fn emit_numbered(&self, mut batch: Batch, told: impl FnOnce(u64)) -> Result<(), Error> {
        let mut state = self.ready().await?;
        told(state.next);
        batch.number_from(state.next);
        let records = batch.len();
        state.next += records as u64;
        let sent = self.outlet.send(Items::records(batch, "source".into())).await;
        self.context.emit(records);
        if sent.is_ok() {
            self.context.accepted();
        }
        state.note(sent)
    }

    /// Tells the graph that nothing more is at hand for now.
    pub(crate) async fn pause(&self) -> Result<(), Error> {
        let mut state = self.ready().await?;
        let paused = self.outlet.pause().await;
        state.note(paused)
    }
}

/// Records in pieces of a size to emit, up to one that is too long; whether there was one.
fn batches<R: AsRef<[u8]>>(records: impl IntoIterator<Item = R>) -> (Vec<Batch>, bool) {
    let (mut batches, mut batch) = (Vec::new(), BatchBuilder::default());
    let mut too_long = false;
    for (number, record) in (0..).zip(records) {
        let record = record.as_ref();
        too_long = record.len() > LONGEST;
        if too_long {
            break;
        }
        batch.push(number, |data| data.extend_from_slice(record));
        if batch.bytes() >= PIECE {
            batches.push(std::mem::take(&mut batch).build());
        }
    }
    if batch.len() > 0 {
        batches.push(batch.build());
    }
    (batches, too_long)
}

impl State {
    /// Keeps a failure: what comes later fails likewise.
    fn note(&mut self, result: Result<(), Error>) -> Result<(), Error> {
        if let Err(error) = &result {
            self.failed.get_or_insert_with(|| error.clone());
        }
        result
    }
}

impl<T: Clone + Send + 'static> Default for Source<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> std::fmt::Debug for Source<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("counts", &self.context.counts()).finish_non_exhaustive()
    }
}

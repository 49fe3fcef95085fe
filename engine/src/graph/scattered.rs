//! A segment that is being described: from `scatter` to `gather`.

use std::marker::PhantomData;
use std::sync::Arc;

use super::crossing::Crossing;
use super::{Outlet, Stream};
use crate::error::GraphError;
use crate::executor::{Buffer, Segment};
use crate::function::Kind;
use crate::monitor::Watched;
use crate::plugin::FunctionCore;
use crate::progress::GraphContext;
use crate::record::Record;
use crate::{Error, Function, Pool};

/// A stretch of a graph whose functions run on a pool. It becomes a [`Stream`](crate::Stream)
/// again by [`gather`](Self::gather); only then does it run.
///
/// Functions that follow one another run as one piece of work on one thread.
#[must_use = "records that are scattered must be gathered: add `.gather()`"]
pub struct Scattered<T> {
    pub(crate) pool: Pool,
    pub(crate) connect: Connect,
    pub(crate) context: Arc<GraphContext>,
    /// Where the stream that was scattered stood, and where this stands, if the graph is monitored.
    pub(crate) before: Option<Watched>,
    pub(crate) watched: Option<Watched>,
    /// How many nodes are before its scatter.
    pub(crate) depth: usize,
    pub(crate) stages: Vec<Arc<FunctionCore>>,
    pub(crate) buffer: Option<Buffer>,
    /// The buffer is for the functions so far: another one begins a stretch of its own.
    pub(crate) complete: bool,
    /// Where the stream was scattered, while there is no function yet.
    pub(crate) untouched: Option<Outlet<T>>,
    /// Stretches before it that its buffer is for too.
    pub(crate) unbuffered: Vec<Arc<Segment>>,
    /// A misuse in the graph: the first emit reports it.
    pub(crate) misuse: Option<Error>,
    pub(crate) types: PhantomData<fn() -> T>,
}

/// Puts a segment after the stream that was scattered, whose type is no longer told.
pub(crate) type Connect = Box<dyn FnOnce(Crossing) + Send>;

impl<T: Record> Scattered<T> {
    /// Adds a function. A stretch that has its buffer is complete: what follows begins another.
    pub(crate) fn stage<U: Record>(self, function: &Function<T, U>, used: Option<Kind>) -> Scattered<U> {
        let mut this = if self.complete { self.rescatter() } else { self };
        let core = function.core();
        let elsewhere = !Arc::ptr_eq(function.shared_pool(), this.pool.shared());
        let other_pool =
            elsewhere.then(|| Error::Graph(GraphError::OtherPool { function: core.name().to_owned() }));
        let sequential = core.kind() == Kind::Accumulate && used.is_none();
        let needs_order =
            sequential.then(|| Error::Graph(GraphError::NeedsOrder { function: core.name().to_owned() }));
        this.misuse = this.misuse.or(other_pool).or(needs_order).or_else(|| misuse(core, used));
        this.stages.push(core.clone());
        let watched = this.watched.as_ref().map(|watched| watched.behind_function(core));
        let Scattered {
            pool,
            connect,
            context,
            before,
            depth,
            stages,
            buffer,
            complete,
            unbuffered,
            misuse,
            ..
        } = this;
        let types = PhantomData;
        let untouched = None;
        Scattered {
            pool,
            connect,
            context,
            before,
            watched,
            depth,
            stages,
            buffer,
            complete,
            untouched,
            unbuffered,
            misuse,
            types,
        }
    }

    /// Nodes that need an order or a state: they get the results so far in the order of emission, one after
    /// another, and what they give is scattered again. A buffer after them is for the functions before
    /// them too; what they hold themselves does not count there.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
    /// use std::num::NonZeroU64;
    ///
    /// use engine::{Pool, Source, sinks};
    ///
    /// let (pool, source, every) = (Pool::new()?, Source::new(), NonZeroU64::new(10).unwrap());
    /// let (sink, some) = sinks::list();
    /// let scattered = source.stream().scatter(&pool).in_order(|stream| stream.slice_by(.., every));
    /// scattered.buffer(8).gather().sink(sink);
    /// for x in 0..30 {
    ///     source.emit(x).await?;
    /// }
    /// source.close().await?;
    /// assert_eq!(some.take(), [0, 10, 20]);
    /// # Ok(()) }
    /// ```
    pub fn in_order<U: Record>(self, nodes: impl FnOnce(Stream<T>) -> Stream<U>) -> Scattered<U> {
        let (stream, rest) = self.ordered();
        rest.scatter(nodes(stream))
    }

    /// The same with two that come together.
    pub(crate) fn in_order_with<V: Record, U: Record>(
        self,
        other: Scattered<V>,
        nodes: impl FnOnce(Stream<T>, Stream<V>) -> Stream<U>,
    ) -> Scattered<U> {
        let ((stream, rest), (other, others)) = (self.ordered(), other.ordered());
        rest.and(others).scatter(nodes(stream, other))
    }

    /// The results so far in the order of emission, and what it takes to scatter them again.
    pub(crate) fn ordered(mut self) -> (Stream<T>, Stretch) {
        let mut stretch = Stretch {
            pool: self.pool.clone(),
            unbuffered: std::mem::take(&mut self.unbuffered),
            misuse: self.misuse.clone(),
        };
        if let Some(outlet) = self.untouched.take() {
            return (Stream { outlet, context: self.context, apart: true, watched: self.watched }, stretch);
        }
        if self.buffer.is_some() {
            return (self.gathered(true).0, stretch);
        }
        let (stream, segment) = self.gathered(true);
        stretch.unbuffered.push(segment);
        (stream, stretch)
    }

    fn rescatter(self) -> Self {
        let pool = self.pool.clone();
        self.gather().scatter(&pool)
    }
}

/// What continues after nodes that need an order.
pub(crate) struct Stretch {
    pool: Pool,
    unbuffered: Vec<Arc<Segment>>,
    misuse: Option<Error>,
}

impl Stretch {
    /// Both of two that came together.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.unbuffered.extend(other.unbuffered);
        self.misuse = self.misuse.or(other.misuse);
        self
    }

    pub(crate) fn scatter<T: Record>(self, stream: Stream<T>) -> Scattered<T> {
        let Self { pool, unbuffered, misuse } = self;
        Scattered { unbuffered, misuse, ..stream.scatter(&pool) }
    }
}

/// What is wrong with a function in this place; `used` is its kind as the graph says.
pub(crate) fn misuse(core: &FunctionCore, used: Option<Kind>) -> Option<Error> {
    let used = used.unwrap_or(if core.kind() == Kind::Sink { Kind::Map } else { core.kind() });
    (core.kind() != used).then(|| core.used_as(used))
}

impl<T> std::fmt::Debug for Scattered<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scattered")?;
        f.debug_list().entries(self.stages.iter().map(|stage| stage.name())).finish()
    }
}

//! A segment that is being described: from `scatter` to `gather`.

use std::marker::PhantomData;
use std::sync::Arc;

use super::Counters;
use super::operators::Crossing;
use crate::plugin::{Core, Kind};
use crate::record::Record;
use crate::{Error, Function, Pool};

/// A stretch of a graph whose functions run on a pool. It becomes a [`Stream`](crate::Stream)
/// again by [`gather`](Self::gather); only then does it run.
///
/// Functions that follow one another run as one task on one worker.
#[must_use = "records that are scattered must be gathered: add `.gather()`"]
pub struct Scattered<T> {
    pub(crate) pool: Pool,
    pub(crate) connect: Connect,
    pub(crate) counters: Arc<Counters>,
    pub(crate) stages: Vec<Arc<Core>>,
    pub(crate) buffer: Option<usize>,
    /// The buffer is for the functions so far: another one begins a stretch of its own.
    pub(crate) complete: bool,
    /// A mistake in the graph: the first emit reports it.
    pub(crate) mistake: Option<Error>,
    pub(crate) types: PhantomData<fn() -> T>,
}

/// Puts a segment behind the stream that was scattered, whose type is no longer told.
pub(crate) type Connect = Box<dyn FnOnce(Crossing) + Send>;

impl<T: Record> Scattered<T> {
    /// Adds a function. A stretch that has its buffer is complete: what follows begins another.
    pub(crate) fn stage<U: Record>(self, function: &Function<T, U>, used: Option<Kind>) -> Scattered<U> {
        let mut this = if self.complete { self.rescatter() } else { self };
        let core = function.core();
        let elsewhere = !Arc::ptr_eq(function.shared_pool(), this.pool.shared());
        let other_pool = elsewhere.then(|| Error::OtherPool { function: core.name().to_owned() });
        let sequential = core.kind() == Kind::Accumulate && used.is_none();
        let needs_order = sequential.then(|| Error::NeedsOrder { function: core.name().to_owned() });
        this.mistake = this.mistake.or(other_pool).or(needs_order).or_else(|| mistake(core, used));
        this.stages.push(core.clone());
        let Scattered { pool, connect, counters, stages, buffer, complete, mistake, .. } = this;
        Scattered { pool, connect, counters, stages, buffer, complete, mistake, types: PhantomData }
    }

    fn rescatter(self) -> Self {
        let pool = self.pool.clone();
        self.gather().scatter(&pool)
    }
}

/// What is wrong with a function in this place; `used` is its kind as the graph says.
pub(crate) fn mistake(core: &Core, used: Option<Kind>) -> Option<Error> {
    let used = used.unwrap_or(if core.kind() == Kind::Sink { Kind::Map } else { core.kind() });
    (core.kind() != used).then(|| core.used_as(used))
}

impl<T> std::fmt::Debug for Scattered<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scattered")?;
        f.debug_list().entries(self.stages.iter().map(|stage| stage.name())).finish()
    }
}

//! A function of a plugin, with the types that its records have and the arguments it is opened with.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use serde::Serialize;

use super::output::{Messages, Output};
use super::pace::Pace;
use super::{Kind, Limits, Loaded, Signature};
use crate::error::nearest_of;
use crate::pool::PoolShared;
use crate::record::{Record, Shape};
use crate::{Error, Pool};

/// What a function returns: a [`Record`], or `()` for a sink.
pub trait Returns: Clone + Send + Sync + 'static {
    /// The shape of the records, if there are any.
    fn shape() -> Option<Shape>;
}

impl<T: Record> Returns for T {
    fn shape() -> Option<Shape> {
        Some(T::shape())
    }
}

impl Returns for () {
    fn shape() -> Option<Shape> {
        None
    }
}

/// What an instance is opened with.
pub(crate) struct Opening {
    pub(crate) plugin: Arc<Loaded>,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) arguments: Vec<(String, String)>,
    pub(crate) limits: Limits,
    pub(crate) messages: Arc<Messages>,
    /// Where a sink's stdout goes.
    pub(crate) output: Option<Output>,
}

/// A function without the types of its records, and what is known of its calls.
pub(crate) struct Core {
    /// Tells its instances from those of other functions.
    pub(crate) id: u64,
    pub(crate) opening: Opening,
    pub(crate) pace: Pace,
    pub(crate) usage: UsageGauge,
    pool: Arc<PoolShared>,
}

impl Core {
    pub(crate) fn new(pool: Arc<PoolShared>, opening: Opening) -> Arc<Self> {
        let (id, pace, usage) = (pool.next_id(), Pace::new(), UsageGauge::default());
        Arc::new(Self { id, opening, pace, usage, pool })
    }

    pub(crate) fn pool(&self) -> &Arc<PoolShared> {
        &self.pool
    }

    pub(crate) fn name(&self) -> &str {
        &self.opening.name
    }

    pub(crate) fn kind(&self) -> Kind {
        self.opening.kind
    }

    pub(crate) fn limits(&self) -> Limits {
        self.opening.limits
    }

    fn signature(&self) -> &Signature {
        let mut signatures = self.opening.plugin.signatures.iter();
        signatures
            .find(|signature| signature.name == self.name())
            .expect("a function is made from its signature")
    }
}

/// A function of a plugin that takes records of `I` and returns records of `O` (`()` for a sink).
///
/// It is cheap to clone. Instances are opened as they are needed, in the pool that loaded the plugin.
pub struct Function<I, O> {
    core: Arc<Core>,
    types: PhantomData<fn(I) -> O>,
}

impl<I, O> Clone for Function<I, O> {
    fn clone(&self) -> Self {
        Self { core: self.core.clone(), types: PhantomData }
    }
}

impl<I, O> std::fmt::Debug for Function<I, O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Function({})", self.core.name())
    }
}

impl<I: Record, O: Returns> Function<I, O> {
    /// Checks that the function takes and returns what the types say.
    pub(crate) fn typed(core: Arc<Core>) -> Result<Self, Error> {
        let signature = core.signature();
        let wrong = |side, actual: &Shape, asked| Error::WrongType {
            function: signature.name.clone(),
            side,
            actual: actual.clone(),
            asked,
        };
        let input = I::shape();
        if !input.fits(&signature.input) {
            return Err(wrong("takes", &signature.input, input));
        }
        match (&signature.output, O::shape()) {
            (Some(output), Some(asked)) if !output.fits(&asked) => Err(wrong("returns", output, asked)),
            (None, Some(_)) => Err(core.used_as(Kind::Map)),
            (Some(_), None) => Err(core.used_as(Kind::Sink)),
            _ => Ok(Self { core, types: PhantomData }),
        }
    }

    /// The same function with an argument, given as text: `inc.with("step", 2)?`.
    ///
    /// # Errors
    ///
    /// If the function has no such parameter. Whether it can read the value shows when it is
    /// opened: by [`prepare`](Self::prepare), or with the first record.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "`with(\"step\", 2)` reads better than with a reference"
    )]
    pub fn with(&self, name: &str, value: impl ToString) -> Result<Self, Error> {
        let parameters = &self.core.signature().parameters;
        if !parameters.iter().any(|parameter| parameter.name == name) {
            let names = || parameters.iter().map(|parameter| parameter.name.as_str());
            return Err(Error::UnknownArgument {
                function: self.core.name().to_owned(),
                name: name.to_owned(),
                parameters: names().map(str::to_owned).collect(),
                nearest: nearest_of(name, names()),
            });
        }
        Ok(self.changed(|opening| {
            opening.arguments.retain(|(known, _)| known != name);
            opening.arguments.push((name.to_owned(), value.to_string()));
        }))
    }

    /// The same function with its stdout written to `output`, if it is a sink.
    ///
    /// A sink's stdout is otherwise that of this process. What other functions print are messages
    /// for people (see [`PoolBuilder::on_print`](crate::PoolBuilder::on_print)).
    #[must_use]
    pub fn stdout(&self, output: &Output) -> Self {
        self.changed(|opening| {
            if opening.kind == Kind::Sink {
                opening.output = Some(output.clone());
            }
        })
    }

    fn changed(&self, change: impl FnOnce(&mut Opening)) -> Self {
        let Opening { plugin, name, kind, arguments, limits, messages, output } = &self.core.opening;
        let mut opening = Opening {
            plugin: plugin.clone(),
            name: name.clone(),
            kind: *kind,
            arguments: arguments.clone(),
            limits: *limits,
            messages: messages.clone(),
            output: output.clone(),
        };
        change(&mut opening);
        Self { core: Core::new(self.core.pool.clone(), opening), types: PhantomData }
    }

    /// Opens the first instance now, so that a wrong argument shows before the first record.
    ///
    /// Blocks for a fraction of a millisecond, and at most for the time limit.
    ///
    /// # Errors
    ///
    /// If an argument is missing or the function refuses one, or if it can't be opened at all.
    pub fn prepare(&self) -> Result<(), Error> {
        for parameter in self.core.signature().parameters.iter().filter(|parameter| parameter.required) {
            if !self.core.opening.arguments.iter().any(|(name, _)| *name == parameter.name) {
                return Err(Error::MissingArgument {
                    function: self.core.name().to_owned(),
                    name: parameter.name.clone(),
                    shape: parameter.shape.clone(),
                });
            }
        }
        self.core.pool.prepare(&self.core)
    }

    /// What the plugin says of it.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        self.core.signature()
    }

    /// What its calls have used so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.core.usage.read(self.core.limits())
    }

    /// The pool that it runs in.
    #[must_use]
    pub fn pool(&self) -> Pool {
        Pool::from_shared(self.core.pool.clone())
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }
}

impl Core {
    pub(crate) fn used_as(&self, used: Kind) -> Error {
        Error::WrongKind { function: self.name().to_owned(), kind: self.kind(), used }
    }
}

/// What a function's calls used, against its limits.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Usage {
    /// How many calls were made.
    pub calls: u64,
    /// How many records they took.
    pub records: u64,
    /// The time that they took together.
    pub time: Duration,
    /// The longest time that one record took; a batch counts as its mean.
    pub longest: Duration,
    /// The limit for that.
    pub timeout: Duration,
    /// The most memory that an instance had, in bytes.
    pub memory: usize,
    /// The limit for that.
    pub memory_limit: usize,
}

/// Collects what calls use.
#[derive(Default)]
pub(crate) struct UsageGauge {
    calls: AtomicU64,
    records: AtomicU64,
    nanos: AtomicU64,
    longest: AtomicU64,
    memory: AtomicUsize,
    footprint: AtomicUsize,
}

impl UsageGauge {
    /// An instance was opened, and has so much memory.
    pub(crate) fn open(&self, memory: usize) {
        let _ = self.footprint.compare_exchange(0, memory, Relaxed, Relaxed);
        self.memory.fetch_max(memory, Relaxed);
    }

    /// The memory that an instance has when it is opened, in bytes; 0 until the first one was.
    pub(crate) fn footprint(&self) -> usize {
        self.footprint.load(Relaxed)
    }

    pub(crate) fn record(&self, records: usize, time: Duration, memory: usize) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.calls.fetch_add(1, Relaxed);
        self.records.fetch_add(records as u64, Relaxed);
        self.nanos.fetch_add(nanos, Relaxed);
        self.longest.fetch_max(nanos / records.max(1) as u64, Relaxed);
        self.memory.fetch_max(memory, Relaxed);
    }

    fn read(&self, limits: Limits) -> Usage {
        Usage {
            calls: self.calls.load(Relaxed),
            records: self.records.load(Relaxed),
            time: Duration::from_nanos(self.nanos.load(Relaxed)),
            longest: Duration::from_nanos(self.longest.load(Relaxed)),
            timeout: limits.timeout,
            memory: self.memory.load(Relaxed),
            memory_limit: limits.memory,
        }
    }
}

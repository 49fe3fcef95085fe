//! A function of a plugin, with the types that its records have and the arguments it is opened with.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::pool::Pool;
use super::shared::PoolShared;
use crate::error::FunctionError;
use crate::error::nearest_of;
use crate::function::Usage;
use crate::function::{Kind, Signature};
use crate::plugin::{FunctionCore, Opening, Output};
use crate::record::{Record, Shape};
use crate::{Error, FaultPolicy};

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

/// A function of a plugin that takes records of `I` and returns records of `O` (`()` for a sink).
///
/// It is cheap to clone. Instances are opened as they are needed, in the pool that loaded the plugin.
pub struct Function<I, O> {
    core: Arc<FunctionCore>,
    pool: Arc<PoolShared>,
    types: PhantomData<fn(I) -> O>,
}

impl<I, O> Clone for Function<I, O> {
    fn clone(&self) -> Self {
        Self { core: self.core.clone(), pool: self.pool.clone(), types: PhantomData }
    }
}

impl<I, O> std::fmt::Debug for Function<I, O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Function({})", self.core.name())
    }
}

impl<I: Record, O: Returns> Function<I, O> {
    /// Checks that the function takes and returns what the types say.
    pub(super) fn typed(core: Arc<FunctionCore>, pool: Arc<PoolShared>) -> Result<Self, Error> {
        let signature = core.signature();
        let wrong = |side, actual: &Shape, asked| {
            Error::Function(FunctionError::WrongType {
                function: signature.name.clone(),
                side,
                actual: actual.clone(),
                asked,
            })
        };
        let input = I::shape();
        if !input.fits(&signature.input) {
            return Err(wrong("takes", &signature.input, input));
        }
        match (&signature.output, O::shape()) {
            (Some(output), Some(asked)) if !output.fits(&asked) => Err(wrong("returns", output, asked)),
            (None, Some(_)) => Err(core.used_as(Kind::Map)),
            (Some(_), None) => Err(core.used_as(Kind::Sink)),
            _ => Ok(Self { core, pool, types: PhantomData }),
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
            return Err(Error::Function(FunctionError::UnknownArgument {
                function: self.core.name().to_owned(),
                name: name.to_owned(),
                parameters: names().map(str::to_owned).collect(),
                nearest: nearest_of(name, names()),
            }));
        }
        Ok(self.changed(|opening| {
            opening.arguments.retain(|(known, _)| known != name);
            opening.arguments.push((name.to_owned(), value.to_string()));
        }))
    }

    /// The same sink with its stdout written to `output`. Other functions stay as they are.
    ///
    /// A sink's stdout is otherwise that of this process. What other functions print are messages
    /// for people (see [`PoolBuilder::on_print`](crate::executor::PoolBuilder::on_print)).
    #[must_use]
    pub fn stdout(&self, output: &Output) -> Self {
        self.changed(|opening| {
            if opening.kind == Kind::Sink {
                opening.output = Some(output.clone());
            }
        })
    }

    /// The same filter negated: it drops what it kept, and keeps what it dropped. Other functions stay as they are.
    #[must_use]
    pub fn negated(&self) -> Self {
        self.changed(|opening| opening.negated = !opening.negated && opening.kind == Kind::Filter)
    }

    /// The same function with a policy for the records that it fails for. By default, the first such record ends the
    /// run.
    #[must_use]
    pub fn on_fault(&self, policy: &FaultPolicy) -> Self {
        self.changed(|opening| opening.policy = policy.clone())
    }

    /// The same function with another limit on the time for one record than its pool's.
    #[must_use]
    pub fn timeout(&self, timeout: Duration) -> Self {
        self.changed(|opening| opening.limits.timeout = timeout)
    }

    /// The same function with another limit on the memory of one instance than its pool's, in bytes.
    #[must_use]
    pub fn memory(&self, bytes: usize) -> Self {
        self.changed(|opening| opening.limits.memory = bytes)
    }

    /// The same function with another limit on the outputs of one record than its pool's, in bytes.
    #[must_use]
    pub fn output(&self, bytes: usize) -> Self {
        self.changed(|opening| opening.limits.output = bytes)
    }

    fn changed(&self, change: impl FnOnce(&mut Opening)) -> Self {
        let Opening {
            plugin,
            name,
            kind,
            negated,
            arguments,
            limits,
            messages,
            output,
            policy,
            grants,
            watch,
        } = &self.core.opening;
        let mut opening = Opening {
            plugin: plugin.clone(),
            name: name.clone(),
            kind: *kind,
            negated: *negated,
            arguments: arguments.clone(),
            limits: *limits,
            messages: messages.clone(),
            output: output.clone(),
            policy: policy.clone(),
            grants: grants.clone(),
            watch: watch.clone(),
        };
        change(&mut opening);
        Self {
            core: FunctionCore::new(self.pool.next_id(), opening),
            pool: self.pool.clone(),
            types: PhantomData,
        }
    }

    /// Opens the first instance now, so that a wrong argument shows before the first record.
    ///
    /// Takes a fraction of a millisecond, and at most the function's time limit. If the future is dropped, the work
    /// goes on to its end.
    ///
    /// # Errors
    ///
    /// If an argument is missing or the function refuses one, or if it can't be opened at all.
    pub async fn prepare(&self) -> Result<(), Error> {
        self.check_arguments()?;
        self.pool.spawn(self.pool.clone().prepare(self.core.clone())).await?
    }

    /// Opens the first instance as [`prepare`](Self::prepare) does, and blocks the caller's thread meanwhile.
    ///
    /// # Errors
    ///
    /// Those of [`prepare`](Self::prepare).
    pub fn blocking_prepare(&self) -> Result<(), Error> {
        self.check_arguments()?;
        self.pool.wait(self.pool.clone().prepare(self.core.clone()))
    }

    /// Checks that no required argument is missing.
    fn check_arguments(&self) -> Result<(), Error> {
        for parameter in self.core.signature().parameters.iter().filter(|parameter| parameter.required) {
            if !self.core.opening.arguments.iter().any(|(name, _)| *name == parameter.name) {
                return Err(Error::Function(FunctionError::MissingArgument {
                    function: self.core.name().to_owned(),
                    name: parameter.name.clone(),
                    shape: parameter.shape.clone(),
                }));
            }
        }
        Ok(())
    }

    /// The function's signature.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        self.core.signature()
    }

    /// What its calls have used so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let Opening { messages, grants, .. } = &self.core.opening;
        let frozen_clock = grants.found_frozen_clock();
        Usage { frozen_clock, ..self.core.usage.read(self.core.limits(), messages.written()) }
    }

    /// The pool that it runs in.
    #[must_use]
    pub fn pool(&self) -> Pool {
        Pool::from_shared(self.pool.clone())
    }

    pub(crate) fn core(&self) -> &Arc<FunctionCore> {
        &self.core
    }

    pub(crate) fn shared_pool(&self) -> &Arc<PoolShared> {
        &self.pool
    }
}

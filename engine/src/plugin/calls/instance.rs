//! A plugin in its own store: opened for one function, used by one call at a time.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use wasmtime::component::ResourceAny;
use wasmtime::{Store, UpdateDeadline};

use crate::Cause;
use crate::function::Kind;
use crate::function::{Isolation, Limits, Retirement};
use crate::plugin::calls::cause::{cause, hostcall_fuel, is_guests};
use crate::plugin::calls::function_core::Opening;
use crate::plugin::calls::outcome::{Outcome, check_batch, opposite};
use crate::plugin::capabilities::grants::{Grants, Stuck};
use crate::plugin::contract::exports::engine::plugin::stages::{
    self as wit, BatchParam, Signature as WitSignature,
};
use crate::plugin::contract::{StreamPlugin, StreamPluginPre};
use crate::plugin::host::resources::HANDLES;
use crate::plugin::hosting::Hosting;
use crate::plugin::memory::Gauge;
use crate::plugin::output::{Messages, Output};
use crate::plugin::runtime::refused;
use crate::plugin::sandbox::Sandbox;
use crate::plugin::sandbox::hints::Hints;
use crate::plugin::sandbox::meter::{Meter, Waiting, metered};
use crate::plugin::undeclared::Undeclared;
use crate::record::Batch;
use crate::text::PlainText;

/// A call returns once its outputs take this many bytes, and is made again with what is left.
const ROOM: u32 = 1 << 20;

/// Handles of the component model that a guest may have, its own stages and those that are lent to a call among
/// them. The host keeps some bytes for each, which no other limit counts.
const MOST_HANDLES: usize = 4 * HANDLES;

/// An instance with one function open. What fails is never used again: calls consume the instance
/// and give it back only if all went well.
pub(crate) struct Instance {
    store: Store<Sandbox>,
    plugin: StreamPlugin,
    stage: ResourceAny,
    kind: Kind,
    negated: bool,
    meter: Arc<Meter>,
    hosting: Arc<Hosting>,
    handle: Handle,
    limits: Limits,
    /// The memory it had when it was opened.
    memory_at_start: usize,
    calls: u64,
}

/// Why an instance could not be opened.
#[derive(Debug)]
pub(crate) enum OpenError {
    /// The function did not accept its arguments.
    Refused(String),
    /// The guest failed.
    Fault(Cause),
    /// All instances together have as much memory as they may.
    NoRoom {
        /// In bytes.
        limit: usize,
    },
    /// The machine has no room for another instance.
    Exhausted(String),
}

/// A call that failed, with what it said of itself.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) cause: Cause,
    /// The record that it said made it panic.
    pub(crate) suspect: Option<usize>,
    /// How many records it said were done.
    pub(crate) done: usize,
    /// It may be the instance's age and not the record: memory ran out that earlier calls filled,
    /// or that other instances hold.
    pub(crate) memory: bool,
    /// All instances together had too much.
    pub(crate) starved: bool,
    /// The instance had made no call before.
    pub(crate) fresh: bool,
    /// The time that the call used.
    pub(crate) used: Duration,
    /// The instance's linear memory in bytes.
    pub(crate) size: usize,
}

impl Instance {
    /// Opens a new instance for what `opening` says, which goes on with `state` if there is one.
    pub(crate) async fn open(
        opening: &Opening,
        state: Option<&[u8]>,
        hosting: &Arc<Hosting>,
    ) -> Result<Box<Self>, OpenError> {
        let limits = opening.limits;
        let handle = hosting.handle(&opening.grants);
        let store = store(hosting, limits, opening.messages.clone(), opening.output.clone(), &opening.grants);
        let mut store = store.map_err(not_made)?;
        let meter = store.data().meter.clone();
        let arguments: Vec<_> = opening.arguments.iter().map(|(name, value)| (&**name, &**value)).collect();
        let opened = {
            let opened = pin!(async {
                let plugin = opening.plugin.pre.instantiate_async(&mut store).await.map_err(Early::Room)?;
                let stage = plugin.engine_plugin_stages().stage();
                let stage = stage.call_open(&mut store, &opening.name, &arguments, state).await;
                Ok::<_, Early>((plugin, stage.map_err(Early::Call)?))
            });
            metered(&meter, limits.timeout, &hosting.runtime.ticker, &handle, &(), opened).await
        };
        let (plugin, stage) = match opened {
            Some(Ok((plugin, Ok(stage)))) => (plugin, stage),
            Some(Ok((_, Err(message)))) => return Err(OpenError::Refused(message)),
            Some(Err(early)) => return Err(early.told(store.data(), limits)),
            None => return Err(OpenError::Fault(Cause::TimedOut { limit: limits.timeout })),
        };
        store.data().end_lines();
        let memory_at_start = store.data().gauge.used();
        let (hosting, kind, negated) = (hosting.clone(), opening.kind, opening.negated);
        Ok(Box::new(Self {
            store,
            plugin,
            stage,
            kind,
            negated,
            meter,
            hosting,
            handle,
            limits,
            memory_at_start,
            calls: 0,
        }))
    }

    /// Gives the function a batch, and at most `limit` of time. `keys` are those of the records, for a
    /// function that accumulates.
    pub(crate) async fn process(
        mut self: Box<Self>,
        batch: &Batch,
        keys: Option<&Batch>,
        limit: Duration,
        waiting: &dyn Waiting,
    ) -> Result<(Box<Self>, Outcome), Box<Trouble>> {
        let records = u32::try_from(batch.len()).unwrap_or(u32::MAX);
        self.begin(records);
        let (mut scratch, mut keys_scratch) = (Vec::new(), Vec::new());
        let param = BatchParam { data: batch.data(), ends: batch.ends(&mut scratch) };
        let keys = keys.map(|keys| BatchParam { data: keys.data(), ends: keys.ends(&mut keys_scratch) });
        let called = {
            let stage = self.plugin.engine_plugin_stages().stage();
            let call = pin!(stage.call_process(&mut self.store, self.stage, param, keys, ROOM));
            metered(&self.meter, limit, &self.hosting.runtime.ticker, &self.handle, waiting, call).await
        };
        self.store.data().end_lines();
        match called {
            Some(Ok(said)) => match Outcome::check(self.kind, batch, self.as_meant(batch, said)) {
                Ok(outcome) if self.began_more(&outcome) => {
                    let rule = "it began a record that it does not count as consumed".into();
                    Err(self.trouble(Cause::BrokenContract { rule }))
                }
                Ok(outcome) if outcome.output.data().len() > self.limits.output => {
                    Err(self.trouble(Cause::TooMuchOutput { limit: self.limits.output }))
                }
                Ok(outcome) => {
                    self.calls += 1;
                    Ok((self, outcome))
                }
                Err(rule) => Err(self.trouble(Cause::BrokenContract { rule: rule.into() })),
            },
            Some(Err(error)) => {
                let cause = cause(&error, self.store.data(), self.limits, limit);
                Err(self.trouble(cause))
            }
            None => Err(self.trouble(Cause::TimedOut { limit })),
        }
    }

    /// Takes the state out, and leaves it there too. It lies in the instance's memory, and is no longer.
    pub(crate) async fn state(
        mut self: Box<Self>,
        limit: Duration,
        waiting: &dyn Waiting,
    ) -> Result<(Box<Self>, Vec<u8>), Box<Trouble>> {
        self.begin(0);
        let called = {
            let stage = self.plugin.engine_plugin_stages().stage();
            let call = pin!(stage.call_state(&mut self.store, self.stage));
            metered(&self.meter, limit, &self.hosting.runtime.ticker, &self.handle, waiting, call).await
        };
        self.store.data().end_lines();
        let cause = match called {
            Some(Ok(Ok(state))) => return Ok((self, state)),
            Some(Ok(Err(message))) => Cause::Failed { message: PlainText::short(message), retryable: false },
            Some(Err(error)) => cause(&error, self.store.data(), self.limits, limit),
            None => Cause::TimedOut { limit },
        };
        Err(self.trouble(cause))
    }

    /// A call begins, of this number of records.
    fn begin(&mut self, records: u32) {
        // The epoch has moved on while it rested.
        self.store.set_epoch_deadline(1);
        self.store.data_mut().hints = Hints::of(records);
        self.store.data_mut().gauge.forget_refusals();
    }

    /// Ends the function.
    pub(crate) async fn finish(mut self: Box<Self>, waiting: &dyn Waiting) -> Result<(), Cause> {
        let limit = self.limits.timeout;
        self.begin(0);
        let called = {
            let stage = self.plugin.engine_plugin_stages().stage();
            let call = pin!(stage.call_finish(&mut self.store, self.stage));
            metered(&self.meter, limit, &self.hosting.runtime.ticker, &self.handle, waiting, call).await
        };
        match called {
            Some(Ok(Ok(batch))) => {
                check_batch(&batch).map_err(|rule| Cause::BrokenContract { rule: rule.into() })
            }
            Some(Ok(Err(message))) => {
                Err(Cause::Failed { message: PlainText::short(message), retryable: false })
            }
            Some(Err(error)) => Err(cause(&error, self.store.data(), self.limits, limit)),
            None => Err(Cause::TimedOut { limit }),
        }
    }

    /// Whether a sink began more records than its outcome tells of: these must not be given again.
    fn began_more(&self, outcome: &Outcome) -> bool {
        self.kind == Kind::Sink && outcome.consumed < self.store.data().hints.begun()
    }

    /// What the guest said, or its opposite.
    fn as_meant(&self, batch: &Batch, said: wit::Outcome) -> wit::Outcome {
        if self.negated { opposite(said, batch.len()) } else { said }
    }

    /// The time that the last call used.
    pub(crate) fn used(&self) -> Duration {
        self.meter.spent()
    }

    /// Its linear memory in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.store.data().gauge.used()
    }

    /// Why a new instance should take its place, if one should: because its memory has grown, or because no other
    /// call may find what this one left.
    pub(crate) fn worn(&self) -> Option<Retirement> {
        if self.limits.isolation != Isolation::Thread {
            return Some(Retirement::Isolated);
        }
        self.has_grown().then_some(Retirement::Grown)
    }

    /// The same of one that keeps a state, which may take much of the memory from the start.
    pub(crate) fn is_bloated(&self) -> bool {
        self.has_grown() && self.memory() / 2 > self.memory_at_start
    }

    /// Whether it has made no call yet.
    pub(crate) fn is_fresh(&self) -> bool {
        self.calls == 0
    }

    /// Whether its memory has grown to more than half of its limit.
    pub(crate) fn has_grown(&self) -> bool {
        self.memory() > self.memory_at_start && self.memory() > self.limits.memory / 2
    }

    /// What happened, and what may have to do with it.
    pub(crate) fn trouble(&self, cause: Cause) -> Box<Trouble> {
        let Sandbox { hints, gauge, .. } = self.store.data();
        // Most languages end in a trap when they run out of memory, and some do so before the limit.
        let short = matches!(cause, Cause::OutOfMemory { .. } | Cause::Trapped { .. });
        Box::new(Trouble {
            cause,
            suspect: hints.suspect(),
            done: hints.done(),
            memory: short && gauge.used() > self.memory_at_start,
            starved: gauge.starved,
            fresh: self.calls == 0,
            used: self.used(),
            size: self.memory(),
        })
    }
}

/// Asks a plugin for its functions.
pub(crate) async fn describe(
    plugin: &StreamPluginPre<Sandbox>,
    undeclared: Undeclared,
    hosting: &Hosting,
    limits: Limits,
    messages: Arc<Messages>,
) -> Result<Vec<WitSignature>, OpenError> {
    let store = store(hosting, limits, messages, None, &Grants::default().when_undeclared(undeclared));
    let mut store = store.map_err(not_made)?;
    let meter = store.data().meter.clone();
    let described = {
        let described = pin!(async {
            let plugin = plugin.instantiate_async(&mut store).await.map_err(Early::Room)?;
            plugin.engine_plugin_stages().call_describe(&mut store).await.map_err(Early::Call)
        });
        metered(&meter, limits.timeout, &hosting.runtime.ticker, &hosting.timers, &(), described).await
    };
    match described {
        Some(Ok(signatures)) => Ok(signatures),
        Some(Err(early)) => Err(early.told(store.data(), limits)),
        None => Err(OpenError::Fault(Cause::TimedOut { limit: limits.timeout })),
    }
}

fn store(
    hosting: &Hosting,
    limits: Limits,
    messages: Arc<Messages>,
    output: Option<Output>,
    grants: &Grants,
) -> wasmtime::Result<Store<Sandbox>> {
    let gauge = Gauge::new(limits.memory, hosting.total.clone());
    let context = grants.open_context(&hosting.resources, limits.timeout)?;
    let sandbox = Sandbox::new(gauge, messages, output, grants, context);
    let mut store = Store::new(&hosting.runtime.engine, sandbox);
    if !limits.bounded {
        store.set_hostcall_fuel(usize::MAX);
        return Ok(store);
    }
    store.limiter(|sandbox| &mut sandbox.gauge);
    store.set_hostcall_fuel(hostcall_fuel(limits));
    store.set_max_component_handles(MOST_HANDLES);
    store.set_epoch_deadline(1);
    let time = hosting.runtime.ticker.running_time();
    store.epoch_deadline_callback(move |store| {
        Ok(if store.data().meter.tick(&time) { UpdateDeadline::Interrupt } else { UpdateDeadline::Yield(1) })
    });
    Ok(store)
}

/// Why a store could not be made.
fn not_made(error: wasmtime::Error) -> OpenError {
    match error.downcast::<Stuck>() {
        Ok(stuck) => OpenError::Refused(stuck.to_string()),
        Err(error) => OpenError::Exhausted(refused(&error)),
    }
}

/// What failed before the first record.
enum Early {
    /// Making the instance: for want of room, or since the guest's start function failed.
    Room(wasmtime::Error),
    /// The guest, which was called.
    Call(wasmtime::Error),
}

impl Early {
    fn told(&self, sandbox: &Sandbox, limits: Limits) -> OpenError {
        if sandbox.gauge.starved {
            return OpenError::NoRoom { limit: sandbox.gauge.total_limit() };
        }
        match self {
            Self::Room(error) if !is_guests(error, sandbox) => OpenError::Exhausted(refused(error)),
            Self::Room(error) | Self::Call(error) => {
                OpenError::Fault(cause(error, sandbox, limits, limits.timeout))
            }
        }
    }
}

//! A function of a plugin as the host runs it: what its instances are opened with, and what is
//! known of its calls.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use crate::error::FunctionError;
use crate::fault::Fault;
use crate::function::Limits;
#[cfg(feature = "cluster")]
use crate::function::UsageTotals;
use crate::function::{Kind, Signature};
use crate::function::{Retirement, UsageGauge};
use crate::metrics::FunctionStatus;
use crate::monitor::{FunctionFigures, FunctionGauge, Watch};
use crate::plugin::calls::batch_size::BatchSize;
use crate::plugin::calls::instance::{Instance, Trouble};
use crate::plugin::calls::outcome::Outcome;
use crate::plugin::capabilities::grants::Grants;
use crate::plugin::loaded::Loaded;
use crate::plugin::output::{Messages, Output};
use crate::record::Batch;
use crate::text;
use crate::{Cause, Error, FaultPolicy};

/// What an instance is opened with.
pub(crate) struct Opening {
    pub(crate) plugin: Arc<Loaded>,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// What a filter would keep is dropped, and the other way round.
    pub(crate) negated: bool,
    pub(crate) arguments: Vec<(String, String)>,
    pub(crate) limits: Limits,
    pub(crate) messages: Arc<Messages>,
    /// Where a sink's stdout goes.
    pub(crate) output: Option<Output>,
    /// What becomes of a run when it fails for a record.
    pub(crate) policy: FaultPolicy,
    pub(crate) grants: Grants,
    /// Who watches.
    pub(crate) watch: Option<Arc<Watch>>,
}

/// A function without the types of its records, and what is known of its calls.
pub(crate) struct FunctionCore {
    /// Tells its instances from those of other functions.
    pub(crate) id: usize,
    pub(crate) opening: Opening,
    pub(crate) batch_size: BatchSize,
    pub(crate) usage: UsageGauge,
    own: Weak<Self>,
    /// Figures for who watches, from the first call on.
    gauge: OnceLock<Arc<FunctionGauge>>,
}

impl FunctionFigures for FunctionCore {
    fn name(&self) -> &str {
        self.name()
    }

    fn kind(&self) -> Kind {
        self.kind()
    }

    fn used(&self) -> (u64, Duration) {
        let usage = self.usage.read(self.limits(), 0);
        (usage.records, usage.time)
    }

    fn status(&self) -> FunctionStatus {
        let usage = self.usage.read(self.limits(), 0);
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        FunctionStatus {
            name: self.name().into(),
            plugin: text::path(&self.opening.plugin.path),
            calls: usage.calls,
            records: usage.records,
            nanos: nanos(usage.time),
            longest: nanos(usage.longest),
            timeout: nanos(usage.timeout),
            batch: self.batch_size.records(),
            memory_most: usage.memory,
            memory_limit: usage.memory_limit,
            retired: usage.retired.total(),
            retired_for: usage.retired,
            repeated: usage.repeated,
            ..FunctionStatus::default()
        }
    }
}

impl FunctionCore {
    /// `id` is the pool's, and nobody else's.
    pub(crate) fn new(id: usize, opening: Opening) -> Arc<Self> {
        Arc::new_cyclic(|own| Self {
            id,
            opening,
            batch_size: BatchSize::new(),
            usage: UsageGauge::default(),
            own: own.clone(),
            gauge: OnceLock::new(),
        })
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

    pub(crate) fn policy(&self) -> &FaultPolicy {
        &self.opening.policy
    }

    /// A fault of a record that it failed for.
    pub(crate) fn fault(&self, record: u64, cause: Cause) -> Fault {
        Fault { node: self.policy().node(self.name()), ..Fault::new(record, self.name(), cause) }
    }

    /// Whether a record must not be run again that it has begun. It is given records one by one, so
    /// that none is run again for another's sake.
    pub(crate) fn has_effects(&self) -> bool {
        self.opening.grants.have_effects()
    }

    /// A call went well.
    pub(crate) fn note_outcome(&self, instance: &Instance, outcome: &Outcome) {
        self.usage.record(outcome.consumed, instance.used(), instance.memory());
        self.usage.note_output(self.kind(), &outcome.output);
        self.batch_size.learn(outcome.consumed, instance.used());
        if let Some(gauge) = self.gauge() {
            let failed = !outcome.failures.is_empty();
            gauge.called(outcome.consumed, instance.used(), instance.memory(), failed);
        }
    }

    fn gauge(&self) -> Option<&FunctionGauge> {
        let watch = self.opening.watch.as_ref()?;
        Some(self.gauge.get_or_init(|| FunctionGauge::new(watch, self.own.clone())))
    }

    /// A call with `batch` failed.
    pub(crate) fn note_trouble(&self, batch: &Batch, trouble: &Trouble) {
        self.batch_size.shrink();
        let why = self.retirement(batch, trouble);
        self.usage.retire(why);
        if let Some(gauge) = self.gauge() {
            let records = if batch.len() == 1 { 1 } else { 0 };
            gauge.called(records, trouble.used, trouble.size, !why.repeats());
        }
        // Of several records, nobody knows whose time it was.
        if batch.len() == 1 {
            self.usage.record(1, trouble.used, trouble.size);
            if let Cause::TooMuchOutput { limit } = trouble.cause {
                self.usage.note_too_much(limit);
            }
        }
    }

    /// Why the instance of a call with `batch` that failed is given up.
    fn retirement(&self, batch: &Batch, trouble: &Trouble) -> Retirement {
        match trouble.cause {
            Cause::TimedOut { .. } if batch.len() > 1 => Retirement::Slow,
            _ if batch.len() > 1 => Retirement::Suspect,
            _ if self.has_effects() => Retirement::Failed,
            _ if trouble.starved || (trouble.memory && !trouble.fresh) => Retirement::Memory,
            _ => Retirement::Failed,
        }
    }

    /// Counts calls made elsewhere. `failed` is whether any of them failed.
    #[cfg(feature = "cluster")]
    pub(crate) fn note_elsewhere(&self, more: &UsageTotals, failed: bool) {
        self.usage.add(more);
        if let Some(gauge) = self.gauge().filter(|_| more.calls > 0) {
            let records = usize::try_from(more.records).unwrap_or(usize::MAX);
            let memory = usize::try_from(more.memory).unwrap_or(usize::MAX);
            gauge.called(records, Duration::from_nanos(more.nanos), memory, failed);
        }
    }

    pub(crate) fn signature(&self) -> &Signature {
        let mut signatures = self.opening.plugin.signatures.iter();
        signatures
            .find(|signature| signature.name == self.name())
            .expect("a function is made from its signature")
    }

    /// The error for a function that was used as what it is not.
    pub(crate) fn used_as(&self, used: Kind) -> Error {
        Error::Function(FunctionError::WrongKind {
            function: self.name().to_owned(),
            kind: self.kind(),
            used,
        })
    }
}

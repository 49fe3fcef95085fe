//! The functions of a segment on a worker, opened as the host wants them to be run.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::declined::Declined;
use super::shared::Shared;
use crate::Plugin;
use crate::cluster::description::Stage;
use crate::executor::{SegmentResult, Terms, most_bytes};
use crate::function::UsageTotals;
use crate::plugin::Print;
use crate::plugin::{FunctionCore, Messages, OnPrint};
use crate::record::Batch;

/// What is not part of a record's own time, but of its task's.
const SLACK: Duration = Duration::from_secs(2);

/// The functions of a segment.
#[derive(Clone)]
pub(super) struct Segment {
    pub(super) stages: Vec<Arc<FunctionCore>>,
    /// What was said of them when they were admitted.
    pub(super) described: Vec<Stage>,
    /// How long a record may take, with all that belongs to it.
    pub(super) longest: Duration,
    printed: Printed,
}

/// Lines that functions printed and the host was not told yet, with the functions' positions.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<(usize, String)>>>);

impl Printed {
    fn push(&self, stage: usize, line: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((stage, line));
    }

    fn take(&self) -> Vec<(usize, String)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Segment {
    /// Admits the functions of a segment, gets their plugins, and opens them.
    pub(super) async fn open(shared: &Shared, described: Vec<Stage>) -> Result<Self, Declined> {
        described.iter().try_for_each(|stage| shared.admit(stage)).map_err(Declined::from)?;
        let printed = Printed::default();
        let mut stages = Vec::with_capacity(described.len());
        for (index, stage) in described.iter().enumerate() {
            let plugin = shared.plugins.get(&stage.plugin, stage.size).await?;
            let on_print = on_print(shared, index, &printed);
            stages.push(open(&plugin, stage, on_print).map_err(Declined::from)?);
        }
        let longest = described.iter().map(Stage::longest).sum::<Duration>() + SLACK;
        Ok(Self { stages, described, longest, printed })
    }

    /// What functions used here up to now.
    pub(super) fn used(&self) -> Vec<UsageTotals> {
        self.stages.iter().map(|core| core.usage.totals()).collect()
    }

    /// Takes the lines that functions printed since this was called last.
    pub(super) fn take_printed(&self) -> Vec<(usize, String)> {
        self.printed.take()
    }

    fn terms(&self) -> Vec<Terms> {
        self.stages.iter().map(|core| Terms::of(core)).collect()
    }

    /// How many bytes a result of it may have.
    pub(super) fn most_bytes(&self) -> usize {
        most_bytes(&self.terms())
    }

    /// Whether another process can have made this of a batch.
    pub(super) fn check(&self, whole: &SegmentResult, batch: &Batch) -> Result<(), &'static str> {
        whole.check(batch, &self.terms())
    }

    /// Counts what its functions used in another process.
    pub(super) fn note_used(&self, used: &[UsageTotals]) {
        for (core, used) in self.stages.iter().zip(used) {
            core.usage.add(used);
        }
    }

    /// Shows a line that a function printed in another process.
    pub(super) fn note_print(&self, stage: usize, line: &[u8]) {
        if let Some(core) = self.stages.get(stage) {
            core.opening.messages.show(line);
        }
    }
}

/// What functions print is shown here, and told to the host with the next result.
fn on_print(shared: &Shared, stage: usize, printed: &Printed) -> OnPrint {
    let (here, printed) = (shared.options.pool.shared().on_print(), printed.clone());
    Arc::new(move |print: Print| {
        printed.push(stage, print.line.clone().into());
        here(print);
    })
}

/// Opens a function as the host wants it to be run.
pub(super) fn open(plugin: &Plugin, stage: &Stage, on_print: OnPrint) -> Result<Arc<FunctionCore>, String> {
    let capabilities = stage.capabilities.iter().filter_map(|text| text.parse().ok());
    let plugin = capabilities.fold(plugin.clone(), Plugin::grant);
    let core = plugin.core(&stage.function, |opening| {
        opening.negated = stage.negated;
        opening.arguments.clone_from(&stage.arguments);
        opening.limits.timeout = stage.timeout;
        opening.limits.memory = stage.memory;
        opening.limits.output = stage.output;
        // The least of what the run and the worker have: no run is refused for it.
        let messages = stage.messages.min(opening.limits.messages);
        opening.limits.messages = messages;
        opening.limits.isolation = stage.isolation;
        opening.messages = Messages::new(&stage.function, on_print, messages);
        opening.policy = stage.policy();
    });
    let core = core.map_err(|error| error.to_string())?;
    if core.kind() != stage.kind {
        return Err(format!("{} is {}, not {}", stage.function, core.kind(), stage.kind));
    }
    Ok(core)
}

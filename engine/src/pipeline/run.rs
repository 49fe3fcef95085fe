//! A pipeline that was found right, and is run.

use std::path::Path;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::diagram::Diagram;
use crate::function::Usage;
use crate::metrics::Counts;
use crate::nodes::BuildContext;
use crate::policy::InputPosition;
use crate::run::{Run, RunParts, RunSource};
use crate::{Error, Fault, Plugin, Pool, Progress};

/// A graph that a pipeline file describes, ready to be run.
pub struct Pipeline {
    run: Run,
    diagram: Diagram,
    drain_timeout: Option<Duration>,
    exits_zero: bool,
}

impl Pipeline {
    /// A graph whose nodes were built with this context.
    pub(super) fn new(
        context: BuildContext,
        sources: Vec<RunSource>,
        diagram: Diagram,
        notes: Vec<(String, String)>,
        drain_timeout: Option<Duration>,
    ) -> Self {
        let exits_zero = context.exits_zero();
        let run = Run::of(RunParts {
            pool: context.pool,
            sources,
            functions: context.functions,
            plugins: context.plugins.into_values().collect(),
            outputs: context.outputs,
            skipping: context.skipping,
            dead_letters: context.dead_letters,
            positions: context.positions,
            stdout: context.stdout,
            notes,
        });
        Self { run, diagram, drain_timeout, exits_zero }
    }

    /// Feeds all sources until they end, or `stop` is cancelled, and waits until every record has reached its
    /// sink or is a fault. Runs once.
    ///
    /// # Errors
    ///
    /// The failure that ended the run; [`Error::Closed`] if it was run before.
    pub async fn run(&mut self, stop: &CancellationToken) -> Result<(), Error> {
        self.run.run(stop).await
    }

    /// Its graph alone, as programs run it that build graphs by themselves too.
    #[must_use]
    pub fn into_run(self) -> Run {
        self.run
    }

    /// Its nodes, and which takes from which.
    #[must_use]
    pub fn diagram(&self) -> &Diagram {
        &self.diagram
    }

    /// Where a record stands in its input, if that is known. In a pipeline of several sources, a record's number
    /// does not tell.
    #[must_use]
    pub fn position(&self, record: u64) -> Option<InputPosition> {
        self.run.position(record)
    }

    /// The pool that its functions run on.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        self.run.pool()
    }

    /// The plugins that it loaded, each once.
    #[must_use]
    pub fn plugins(&self) -> &[Plugin] {
        self.run.plugins()
    }

    /// What each node that calls a function has used, by its name.
    #[must_use]
    pub fn usage(&self) -> Vec<(&str, Usage)> {
        self.run.usage()
    }

    /// How many records went where so far, for each source.
    #[must_use]
    pub fn counts(&self) -> Vec<(&str, Counts)> {
        self.run.counts()
    }

    /// The progress of each source, to be asked while the pipeline runs.
    #[must_use]
    pub fn progress(&self) -> Vec<Progress> {
        self.run.progress()
    }

    /// How many records were left out without being kept, and the first of them as far as is known.
    #[must_use]
    pub fn left_out(&self) -> (u64, Option<&Fault>) {
        self.run.left_out()
    }

    /// How many records were put aside, and in which files.
    #[must_use]
    pub fn put_aside(&self) -> Vec<(&Path, u64)> {
        self.run.put_aside()
    }

    /// What writes out the records that were put aside so far, also while it runs.
    pub fn flush_put_aside(&self) -> impl Fn() -> Result<(), Error> + Send + Sync + 'static {
        self.run.flush_put_aside()
    }

    /// How long a run may take to end once it was told to, if the file says so: it is for the program that runs it.
    #[must_use]
    pub fn drain_timeout(&self) -> Option<Duration> {
        self.drain_timeout
    }

    /// Whether a run that put records aside succeeds, if the file says so: it is for the program that runs it.
    #[must_use]
    pub fn exits_zero(&self) -> bool {
        self.exits_zero
    }

    /// Whether records go to stdout.
    #[must_use]
    pub fn writes_to_stdout(&self) -> bool {
        self.run.writes_to_stdout()
    }
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

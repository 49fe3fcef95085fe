//! A pipeline that was found right, and is run.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::diagram::Diagram;
use crate::deadlines::waiting;
use crate::function::Usage;
use crate::metrics::Counts;
use crate::nodes::{
    Begin, BuildContext, Bytes, Called, DeadLetterFile, Feeding, InputPositions, Opening, open_dead_letters,
};
use crate::plugin::Output;
use crate::policy::InputPosition;
use crate::progress::Progress;
use crate::{Error, Fault, FaultPolicy, Plugin, Pool, Source};

/// A graph that a pipeline file describes, ready to be run.
pub struct Pipeline {
    pub(super) pool: Pool,
    pub(super) sources: Vec<(String, Arc<Source<Bytes>>)>,
    pub(super) feeds: Vec<(Arc<Source<Bytes>>, Feeding)>,
    pub(super) functions: Vec<(String, Called)>,
    pub(super) plugins: Vec<Plugin>,
    pub(super) openings: Vec<Opening>,
    pub(super) skipping: Vec<FaultPolicy>,
    pub(super) dead_letters: Vec<DeadLetterFile>,
    pub(super) stdout: Option<Output>,
    pub(super) diagram: Diagram,
    pub(super) positions: InputPositions,
    pub(super) drain_timeout: Option<Duration>,
}

impl Pipeline {
    /// A graph whose nodes were built with this context.
    pub(super) fn new(
        context: BuildContext,
        sources: Vec<(String, Arc<Source<Bytes>>)>,
        feeds: Vec<(Arc<Source<Bytes>>, Feeding)>,
        diagram: Diagram,
        drain_timeout: Option<Duration>,
    ) -> Self {
        if let [(_, only)] = sources.as_slice() {
            context.positions.set_source(only.progress());
        }
        for (_, source) in &sources {
            let dead_letters = context.dead_letters.clone();
            let flush = move || dead_letters.iter().try_for_each(DeadLetterFile::flush);
            source.context().on_flush(move || Box::pin(ready(flush())));
        }
        Self {
            pool: context.pool,
            sources,
            feeds,
            functions: context.functions,
            plugins: context.plugins.into_values().collect(),
            openings: context.openings,
            skipping: context.skipping,
            dead_letters: context.dead_letters,
            stdout: context.stdout,
            diagram,
            positions: context.positions,
            drain_timeout,
        }
    }

    /// Feeds all sources until they end, or `stop` is cancelled, and waits until every record has reached its
    /// sink or is a fault. Runs once.
    ///
    /// # Errors
    ///
    /// The failure that ended the run; [`Error::Closed`] if it was run before.
    pub async fn run(&mut self, stop: &CancellationToken) -> Result<(), Error> {
        let feeds = std::mem::take(&mut self.feeds);
        if feeds.is_empty() {
            return Err(Error::Closed);
        }
        let mut ready = Vec::with_capacity(feeds.len());
        for (source, feeding) in feeds {
            ready.push((source, feeding.ready().await?));
        }
        self.open_files()?;
        let ended = feed(ready, &stop.child_token()).await;
        // What was put aside before a failure stays.
        let flushed = self.dead_letters.iter().try_for_each(DeadLetterFile::flush);
        ended.and(flushed)
    }

    /// Opens all files that are written, and only then begins to change them.
    fn open_files(&self) -> Result<(), Error> {
        let outputs = self.openings.iter().map(|opening| Ok((opening, opening.open()?)));
        let outputs = outputs.collect::<Result<Vec<_>, Error>>()?;
        let dead_letters = self
            .dead_letters
            .iter()
            .map(|dead_letters| Ok((dead_letters, open_dead_letters(&dead_letters.path)?)));
        let dead_letters = dead_letters.collect::<Result<Vec<_>, Error>>()?;
        outputs.into_iter().try_for_each(|(opening, file)| opening.begin(file))?;
        dead_letters.into_iter().try_for_each(|(dead_letters, file)| dead_letters.begin(file))
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
        self.positions.position(record)
    }

    /// The pool that its functions run on.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The plugins that it loaded, each once.
    #[must_use]
    pub fn plugins(&self) -> &[Plugin] {
        &self.plugins
    }

    /// What each node that calls a function has used, by its name.
    #[must_use]
    pub fn usage(&self) -> Vec<(&str, Usage)> {
        self.functions.iter().map(|(name, called)| (name.as_str(), called.usage())).collect()
    }

    /// How many records went where so far, for each source.
    #[must_use]
    pub fn counts(&self) -> Vec<(&str, Counts)> {
        self.sources.iter().map(|(name, source)| (name.as_str(), source.progress().counts())).collect()
    }

    /// The progress of each source, to be asked while the pipeline runs.
    #[must_use]
    pub fn progress(&self) -> Vec<Progress> {
        self.sources.iter().map(|(_, source)| source.progress()).collect()
    }

    /// How many records were left out without being kept, and the first of them as far as is known.
    #[must_use]
    pub fn left_out(&self) -> (u64, Option<&Fault>) {
        let first =
            self.skipping.iter().filter_map(FaultPolicy::first_fault).min_by_key(|fault| fault.record);
        (self.skipping.iter().map(FaultPolicy::faults).sum(), first)
    }

    /// How many records were put aside, and in which files.
    #[must_use]
    pub fn put_aside(&self) -> Vec<(&std::path::Path, u64)> {
        self.dead_letters
            .iter()
            .map(|dead_letters| (dead_letters.path.as_path(), dead_letters.count()))
            .collect()
    }

    /// What writes out the records that were put aside so far, also while it runs.
    pub fn flush_put_aside(&self) -> impl Fn() -> Result<(), Error> + Send + Sync + 'static {
        let dead_letters = self.dead_letters.clone();
        move || dead_letters.iter().try_for_each(DeadLetterFile::flush)
    }

    /// How long a run may take to end once it was told to, if the file says so: it is for the program that runs it.
    #[must_use]
    pub fn drain_timeout(&self) -> Option<Duration> {
        self.drain_timeout
    }

    /// Whether records go to stdout.
    #[must_use]
    pub fn writes_to_stdout(&self) -> bool {
        self.stdout.is_some()
    }
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

/// Feeds all sources side by side, and closes each at its end. A failure stops the others.
///
/// The first is fed by the caller's own task, so that a pipeline of one source wakes no more threads than a
/// graph that is built by hand.
async fn feed(feeds: Vec<(Arc<Source<Bytes>>, Begin)>, stop: &CancellationToken) -> Result<(), Error> {
    let mut feeds = feeds.into_iter().map(|(source, begin)| fed(source, begin, stop.clone()));
    let first = feeds.next();
    let first = async { if let Some(fed) = first { fed.await } else { Ok(()) } };
    let mut others = JoinSet::new();
    for fed in feeds {
        others.spawn(fed);
    }
    let others = async {
        let mut result = Ok(());
        while let Some(ended) = others.join_next().await {
            result = result.and(match ended {
                Ok(ended) => ended,
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => Err(Error::Closed),
            });
        }
        result
    };
    let (first, others) = tokio::join!(first, others);
    first.and(others)
}

/// Feeds a source until its end and closes it. A failure stops all that look for `stop`.
async fn fed(source: Arc<Source<Bytes>>, feed: Begin, stop: CancellationToken) -> Result<(), Error> {
    let stopping = async {
        stop.cancelled().await;
        waiting(|| "a source to stop".to_owned(), std::future::pending()).await
    };
    let fed = tokio::select! {
        fed = feed(source.clone(), stop.clone()) => fed,
        error = source.failure() => Err(error),
        never = stopping => never,
    };
    // What a close fails for comes before what an emit has failed for.
    let ended = source.close().await.and(fed);
    if ended.is_err() {
        stop.cancel();
    }
    ended
}

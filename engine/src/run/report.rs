//! What a run tells of itself, while it runs and in the end.

use std::path::Path;

use super::dead_letter_file::DeadLetterFile;
use super::run::Run;
use crate::function::Usage;
use crate::metrics::Counts;
use crate::plugin::Output;
use crate::policy::InputPosition;
use crate::{Error, Fault, FaultPolicy, Plugin, Pool, Progress};

impl Run {
    /// Where a record stands in its input, if that is known. In a run of several sources, a record's number does not
    /// tell.
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

    /// What each function has used, by the name of its node.
    #[must_use]
    pub fn usage(&self) -> Vec<(&str, Usage)> {
        self.functions.iter().map(|(name, function)| (name.as_str(), function.read())).collect()
    }

    /// How many records went where so far, for each source.
    #[must_use]
    pub fn counts(&self) -> Vec<(&str, Counts)> {
        self.sources.iter().map(|source| (source.name.as_str(), source.progress.counts())).collect()
    }

    /// The progress of each source, to be asked while it runs.
    #[must_use]
    pub fn progress(&self) -> Vec<Progress> {
        self.sources.iter().map(|source| source.progress.clone()).collect()
    }

    /// How many records were left out without being kept, and the first of them as far as is known.
    #[must_use]
    pub fn left_out(&self) -> (u64, Option<&Fault>) {
        let first =
            self.skipping.iter().filter_map(FaultPolicy::first_fault).min_by_key(|fault| fault.record);
        let all: u64 = self.skipping.iter().map(FaultPolicy::faults).sum();
        // The policy counts those of the run that this one continues too.
        let before = self.start.as_ref().map_or(0, |start| start.faults);
        (all.saturating_sub(before), first)
    }

    /// How many records were put aside, and in which files. Those of the run that this one continues count.
    #[must_use]
    pub fn put_aside(&self) -> Vec<(&Path, u64)> {
        let before = self.start.as_ref().map_or(0, |start| start.put_aside);
        let put = |letters: &DeadLetterFile| before + letters.count();
        self.dead_letters.iter().map(|letters| (letters.path.as_path(), put(letters))).collect()
    }

    /// What writes out the records that were put aside so far, also while it runs.
    pub fn flush_put_aside(&self) -> impl Fn() -> Result<(), Error> + Send + Sync + 'static {
        let dead_letters = self.dead_letters.clone();
        move || dead_letters.iter().try_for_each(DeadLetterFile::flush)
    }

    /// What writes out everything that is buffered: outputs and dead letters. It can be called while it runs, also if
    /// something hangs.
    pub fn flush(&self) -> impl Fn() -> Result<(), Error> + Send + Sync + 'static {
        let put_aside = self.flush_put_aside();
        let outputs = self.written.iter().map(|(output, _)| output).chain(&self.stdout);
        let outputs: Vec<_> = outputs.cloned().collect();
        move || put_aside().and(outputs.iter().try_for_each(Output::flush))
    }

    /// Whether records go to stdout.
    #[must_use]
    pub fn writes_to_stdout(&self) -> bool {
        self.stdout.is_some()
    }
}

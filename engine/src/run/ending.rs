//! How a run ends with its files: all is written out, and other runs may use them.

use super::dead_letter_file::DeadLetterFile;
use super::output_file::OutputFile;
use super::run::Run;
use crate::Error;

impl Run {
    /// Writes out what was put aside, and saves the last checkpoint, while the caller's thread waits. For a run that was
    /// not waited for; else [`run`](Self::run) has done so.
    ///
    /// # Errors
    ///
    /// If that is not possible.
    pub fn blocking_end(&mut self) -> Result<(), Error> {
        self.end_as(false)
    }

    pub(super) fn end_as(&mut self, is_done: bool) -> Result<(), Error> {
        // What was put aside before a failure stays.
        let flushed = self.dead_letters.iter().try_for_each(DeadLetterFile::flush);
        let checkpointer = self.checkpointer.take();
        let saved = checkpointer.map_or(Ok(()), |it| it.end(is_done && flushed.is_ok()));
        flushed.and(saved).and(self.end_outputs())
    }

    /// Writes out what is left for files, and lets other runs write there.
    fn end_outputs(&mut self) -> Result<(), Error> {
        let regular = self.written.iter().filter(|(_, file)| file.is_regular());
        let flushed: Vec<_> = regular.map(|(output, _)| output.flush()).collect();
        let ended: Vec<_> = std::mem::take(&mut self.outputs).iter().map(OutputFile::end).collect();
        flushed.into_iter().chain(ended).collect()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // `run` and `blocking_end` return a failure.
        let _ = self.end_outputs();
    }
}

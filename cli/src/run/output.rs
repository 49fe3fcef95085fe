//! The output of a run: a file that stays as it is until there is something to write, or stdout.

use std::fs::{File, TryLockError};
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use anyhow::{Context, ensure};
use engine::files;

use super::RunCommand;
use crate::checkpoint::is_same;
use crate::plugins::Chain;

/// The output file, emptied when there is something to write, or stdout.
pub(super) struct LateFile {
    file: Arc<OnceLock<File>>,
    begun: bool,
    /// The number of bytes to keep, which an earlier run wrote.
    keep: u64,
}

impl LateFile {
    /// `file` may be opened later; without one it is stdout. The first `keep` bytes stay.
    pub(super) fn new(file: Arc<OnceLock<File>>, keep: u64) -> Self {
        Self { file, begun: false, keep }
    }

    fn begin(&mut self) -> std::io::Result<()> {
        if !std::mem::replace(&mut self.begun, true)
            && let Some(mut file) = self.file.get()
            && file.metadata()?.is_file()
        {
            file.set_len(self.keep)?;
            file.seek(SeekFrom::Start(self.keep))?;
        }
        Ok(())
    }
}

impl Write for LateFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.begin()?;
        match self.file.get() {
            Some(mut file) => file.write(bytes),
            None => std::io::stdout().write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.begin()?;
        match self.file.get() {
            Some(mut file) => file.flush(),
            None => std::io::stdout().flush(),
        }
    }
}

impl RunCommand {
    /// The output file, opened but not changed yet: it stays as it is if there is a mistake elsewhere.
    pub(super) fn output_file(&self, chain: &Chain, stop: &dyn Fn() -> bool) -> anyhow::Result<Option<File>> {
        self.check_outputs(chain)?;
        let Some(path) = &self.output else { return Ok(None) };
        let twice = self.faults.file().is_some_and(|file| is_same(file, path));
        ensure!(!twice, "can't write {}: records are put aside in it", path.display());
        let file = files::create(path, files::Mode::Keep, stop);
        let file = file.with_context(|| format!("can't write {}", path.display()))?;
        // Not every file system has locks, and devices are shared.
        let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
        let is_taken = is_file && matches!(file.try_lock(), Err(TryLockError::WouldBlock));
        ensure!(!is_taken, "can't write {}: another run writes it, and has not ended", path.display());
        Ok(Some(file))
    }

    /// Checks that no file is written twice, or is something else of the run too.
    fn check_outputs(&self, chain: &Chain) -> anyhow::Result<()> {
        let report = self.watch.file();
        for path in self.output.iter().map(PathBuf::as_path).chain(self.faults.file()).chain(report) {
            let input = self.input.iter().any(|input| is_same(input, path));
            ensure!(!input, "can't write {}: it is an input too", path.display());
            let plugin = chain.plugins.iter().any(|plugin| is_same(plugin.path(), path));
            ensure!(!plugin, "can't write {}: it is a plugin that runs", path.display());
        }
        if let Some(report) = report {
            let others = self.output.iter().map(PathBuf::as_path).chain(self.faults.file());
            let twice = others.chain(self.checkpoint.file()).any(|other| is_same(other, report));
            ensure!(
                !twice,
                "can't write the report to {}: something else is written there",
                report.display()
            );
        }
        Ok(())
    }
}

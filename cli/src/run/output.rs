//! The output of a run: a file that stays as it is until there is something to write, or stdout.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::sync::{Arc, OnceLock};

/// The output file, emptied when there is something to write, or stdout.
pub(super) struct Late {
    file: Arc<OnceLock<File>>,
    begun: bool,
    /// So many bytes stay, which another run wrote.
    keep: u64,
}

impl Late {
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

impl Write for Late {
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

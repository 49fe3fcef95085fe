//! Output files, which stay as they are until the whole pipeline is found right.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use crate::Error;

/// A file that is to be opened when the run begins.
pub(super) struct Opening {
    pub(super) path: PathBuf,
    pub(super) append: bool,
    pub(super) file: Late,
}

impl Opening {
    pub(super) fn open(&self) -> Result<(), Error> {
        let options = File::options().create(true).append(self.append).write(true).clone();
        let opened = options.clone().truncate(!self.append).open(&self.path);
        let file =
            opened.map_err(|error| Error::Write { path: self.path.clone(), source: Arc::new(error) })?;
        self.file.0.get_or_init(|| file);
        Ok(())
    }
}

/// The file, once it is open.
#[derive(Clone, Default)]
pub(super) struct Late(Arc<OnceLock<File>>);

impl Late {
    fn file(&self) -> io::Result<&File> {
        self.0.get().ok_or_else(|| io::Error::other("it is not open yet"))
    }
}

impl Write for Late {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file()?.flush()
    }
}

//! Files, one after another.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Feed, lines};
use crate::record::Record;
use crate::{Error, Source};

/// A source of the lines of files, one file after another. A last line without a newline counts, and ends with
/// its file.
///
/// ```no_run
/// # #[tokio::main] async fn main() -> Result<(), engine::Error> {
/// use engine::sources::{self, Feed};
/// use engine::{CancellationToken, Source};
///
/// let source = Source::new();
/// source.stream().sink(|line: String| println!("{line}"));
/// sources::files(["monday.log", "tuesday.log"]).feed(&source, &CancellationToken::new()).await?;
/// source.close().await?;
/// # Ok(()) }
/// ```
pub fn files<P: Into<PathBuf>>(paths: impl IntoIterator<Item = P>) -> Files {
    Files { paths: paths.into_iter().map(Into::into).collect(), separator: b'\n' }
}

/// See [`files`].
#[derive(Clone, Debug)]
pub struct Files {
    paths: Vec<PathBuf>,
    separator: u8,
}

impl Files {
    /// The same with another byte that ends a record; carriage returns then stay.
    #[must_use]
    pub fn separated_by(mut self, separator: u8) -> Self {
        self.separator = separator;
        self
    }
}

impl<T: Record> Feed<T> for Files {
    async fn feed(self, source: &Source<T>, stop: &CancellationToken) -> Result<(), Error> {
        for path in &self.paths {
            if stop.is_cancelled() {
                break;
            }
            let file = File::open(path).map_err(|error| unreadable(path, error))?;
            let fed = lines(file).separated_by(self.separator).feed(source, stop).await;
            fed.map_err(|error| naming(path, error))?;
        }
        Ok(())
    }
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::Read { path: path.to_owned(), source: Arc::new(error) }
}

/// The same error, saying which file it was.
fn naming(path: &Path, error: Error) -> Error {
    match error {
        Error::Input { source, .. } => Error::Read { path: path.to_owned(), source },
        error => error,
    }
}

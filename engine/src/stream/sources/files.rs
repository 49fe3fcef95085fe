//! Files, one after another.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Feed, Layout, compressed, follow};
use crate::record::Record;
use crate::{Error, FaultPolicy, Source};

/// A source of the lines of files, one file after another. A last line without a newline counts, and ends with
/// its file. Files that are compressed with gzip or zstd are read as what was compressed: their first bytes tell,
/// not their names.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use engine::sources::{self, Feed};
/// use engine::{CancellationToken, Source, sinks};
///
/// let folder = tempfile::tempdir()?;
/// let [monday, tuesday] = ["monday.log", "tuesday.log"].map(|name| folder.path().join(name));
/// std::fs::write(&monday, "1\n2\n")?;
/// std::fs::write(&tuesday, "3")?;
/// let source = Source::new();
/// let (sink, numbers) = sinks::list::<i64>();
/// source.stream().sink(sink);
/// sources::files([monday, tuesday]).feed(&source, &CancellationToken::new()).await?;
/// source.close().await?;
/// assert_eq!(numbers.take(), [1, 2, 3]);
/// # Ok(()) }
/// ```
pub fn files<P: Into<PathBuf>>(paths: impl IntoIterator<Item = P>) -> Files {
    let paths = paths.into_iter().map(Into::into).collect();
    Files { paths, layout: Layout::default(), policy: FaultPolicy::stop(), follow: false }
}

/// See [`files`].
#[derive(Clone, Debug)]
pub struct Files {
    paths: Vec<PathBuf>,
    layout: Layout,
    policy: FaultPolicy,
    follow: bool,
}

impl Files {
    /// The same with another byte that ends a record; carriage returns then stay.
    #[must_use]
    pub fn separated_by(self, separator: u8) -> Self {
        self.layout(Layout::Lines { separator })
    }

    /// The same of files whose records are laid out in another way.
    #[must_use]
    pub fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// The same; if `follow`, the last of the files is read on as it grows, until the source is stopped. If
    /// another file takes its place (it was rotated), that one is read on, from its start; if it is cut
    /// to less than was read of it, it is read from its start again. A line that is not ended waits for its end, or ends where the file was left.
    /// Such a file is read as it is, not as what was compressed.
    ///
    /// The system tells of changes; besides, the file is looked at each second.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use std::io::Write;
    /// # use engine::sources::{self, Feed};
    /// # use engine::{CancellationToken, Source};
    /// let folder = tempfile::tempdir()?;
    /// let log = folder.path().join("log");
    /// std::fs::write(&log, "1\n")?;
    /// let mut writer = std::fs::File::options().append(true).open(&log)?;
    /// let (source, stop) = (Source::new(), CancellationToken::new());
    /// let stopped = stop.clone();
    /// source.stream().sink(move |x: i64| match x {
    ///     1 => writer.write_all(b"2\n").expect("the file is there"),
    ///     _ => stopped.cancel(),
    /// });
    /// sources::files([log]).follow(true).feed(&source, &stop).await?;
    /// source.close().await?;
    /// assert_eq!(source.counts().delivered, 2);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn follow(mut self, follow: bool) -> Self {
        self.follow = follow;
        self
    }

    /// The same; `policy` says what becomes of what is no record. The run ends, if not said.
    #[must_use]
    pub fn on_fault(mut self, policy: &FaultPolicy) -> Self {
        self.policy = policy.clone();
        self
    }
}

impl<T: Record> Feed<T> for Files {
    async fn feed(self, source: &Source<T>, stop: &CancellationToken) -> Result<(), Error> {
        let (last, others) = match self.paths.split_last() {
            Some((last, others)) if self.follow => (Some(last), others),
            _ => (None, &*self.paths),
        };
        for path in others {
            if stop.is_cancelled() {
                return Ok(());
            }
            read(path, self.layout.clone(), &self.policy, source, stop).await?;
        }
        let Some(path) = last else { return Ok(()) };
        let (growing, _following) =
            follow::open(path, self.layout.separator()).map_err(|error| unreadable(path, error))?;
        let fed = self.layout.feed(growing, &self.policy, source, stop).await;
        fed.map_err(|error| naming(path, error))
    }
}

/// Emits the records of one file.
pub(super) async fn read<T: Record>(
    path: &Path,
    layout: Layout,
    policy: &FaultPolicy,
    source: &Source<T>,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let reader = compressed::open(path).map_err(|error| unreadable(path, error))?;
    let fed = layout.feed(reader, policy, source, stop).await;
    fed.map_err(|error| naming(path, error))
}

pub(super) fn unreadable(path: &Path, error: io::Error) -> Error {
    Error::Read { path: path.to_owned(), source: Arc::new(error) }
}

/// The same error, saying which file it was.
fn naming(path: &Path, error: Error) -> Error {
    match error {
        Error::Input { source, .. } => Error::Read { path: path.to_owned(), source },
        header @ Error::Header { .. } => unreadable(path, io::Error::new(io::ErrorKind::InvalidData, header)),
        error => error,
    }
}

//! The source `files`: the records of files, one file after another.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytesize::ByteSize;
use tokio_util::sync::CancellationToken;

use super::{compressed, follow};
use crate::connectors::support::formats::Layout;
use crate::connectors::support::formats::rows::Origin;
use crate::error::{FileError, InputError};
use crate::graph::Feed;
use crate::policy::Unit;
use crate::record::Record;
use crate::{Error, FaultPolicy, Source};

/// Reads files one after another, and emits each line as a record. A last line without a newline counts, and ends with
/// its file.
///
/// Files that are compressed with gzip or zstd are decompressed; their first bytes tell that, not their names. A thread
/// reads ahead by two blocks of 256 KiB. A line has at most 32 MiB. The run fails if a file can't be read, after the
/// records before were emitted.
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
    /// Ends records at another byte, instead of a newline. Carriage returns are then kept.
    #[must_use]
    pub fn separated_by(self, separator: u8) -> Self {
        self.layout(Layout::Lines { separator })
    }

    /// Reads files with another layout than lines, such as CSV.
    #[must_use]
    pub fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// If `follow`, waits at the end of the last file for more, until the source is stopped. The file is not decompressed.
    ///
    /// If another file replaces it, as a rotation does, that file is read from its start. If the file is cut to less
    /// than was read of it, it is read from its start again; its CSV then has a header again, unless the names were
    /// given. A line without its end waits for it, or ends where the file was left.
    ///
    /// The system reports changes; the file is also checked each second.
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
    /// assert_eq!(source.progress().counts().delivered, 2);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn follow(mut self, follow: bool) -> Self {
        self.follow = follow;
        self
    }

    /// Says what happens to input that is not a record of the layout. By default the run ends.
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
        if last.is_none() {
            source.expects(others.iter().map(|path| size(path)).sum::<Option<u64>>().unwrap_or(0));
        }
        for path in others {
            if stop.is_cancelled() {
                return Ok(());
            }
            let file = crate::files::open(path).map_err(|error| unreadable(path, error))?;
            read(path, file, self.layout.clone(), &self.policy, source, stop).await?;
        }
        let Some(path) = last else { return Ok(()) };
        // The file may be replaced later, so its name says nothing.
        source.begin_input(None);
        let (origin, before) = (Origin::of(path), source.last_number());
        let (growing, _following) = follow::open(path, self.layout.separator(), origin.anew.clone())
            .map_err(|error| unreadable(path, error))?;
        let fed = self.layout.feed(growing, origin, &self.policy, source, stop).await;
        fed.map_err(|error| naming(path, before, error))
    }
}

/// The size of a regular file, which is how many bytes will be read.
fn size(path: &Path) -> Option<u64> {
    Some(crate::files::known(path).ok().filter(std::fs::Metadata::is_file)?.len())
}

/// Emits the records of an open file.
pub(crate) async fn read<T: Record>(
    path: &Path,
    file: impl Read + Send + 'static,
    layout: Layout,
    policy: &FaultPolicy,
    source: &Source<T>,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let reader = compressed::decompressed(file, source.context().clone());
    let unit = if matches!(layout, Layout::Lines { .. }) { Unit::Line } else { Unit::Row };
    source.begin_input(Some((path, unit)));
    let before = source.last_number();
    let fed = layout.feed(reader, Origin::of(path), policy, source, stop).await;
    fed.map_err(|error| naming(path, before, error))
}

pub(crate) fn unreadable(path: &Path, error: io::Error) -> Error {
    Error::File(FileError::Read { path: path.to_owned(), source: Arc::new(error) })
}

/// Adds the file to an error. Its first record is the one after `before`.
fn naming(path: &Path, before: u64, error: Error) -> Error {
    let invalid = |message: String| unreadable(path, io::Error::new(io::ErrorKind::InvalidData, message));
    match error {
        Error::Input(InputError::Read { source, .. }) => {
            Error::File(FileError::Read { path: path.to_owned(), source })
        }
        Error::Input(InputError::LongRecord { record, limit }) => invalid(format!(
            "its record {} is longer than {}",
            record.saturating_sub(before),
            ByteSize(limit)
        )),
        Error::Input(InputError::Header { .. }) => invalid(error.to_string()),
        error => error,
    }
}

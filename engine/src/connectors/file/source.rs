//! The source `files`: the records of files, one file after another.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::compressed;
use super::follow::{self, Tails};
use super::resume::FilePosition;
use crate::connectors::support::formats::Layout;
use crate::connectors::support::formats::rows::{Origin, Receiving};
use crate::connectors::support::positions::{Positions, Tracker};
use crate::connectors::support::unreadable::{naming, unreadable};
use crate::files::Pattern;
use crate::graph::Feed;
use crate::policy::Unit;
use crate::progress::Position;
use crate::record::Record;
use crate::{Error, FaultPolicy, Source, threads};

/// Reads files one after another, and emits each line as a record. A last line without a newline counts, and ends with
/// its file.
///
/// Files that are compressed with gzip or zstd are decompressed; their first bytes tell that, not their names. The run
/// fails at a file that is compressed with xz, bzip2 or lz4, a zip archive, or text in UTF-16. A thread reads ahead by
/// two blocks of 256 KiB. A line of more than 32 MiB is a fault (see [`Files::on_fault`]). The run fails if a file can't
/// be read, after the records before were emitted. Each file is opened when its turn comes.
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
    Files {
        paths: paths.into_iter().map(Into::into).collect(),
        patterns: Vec::new(),
        layout: Layout::default(),
        policy: FaultPolicy::stop(),
        follow: false,
        from_end: false,
        position: None,
        from: None,
    }
}

/// See [`files`].
#[derive(Clone, Debug)]
pub struct Files {
    pub(super) paths: Vec<PathBuf>,
    patterns: Vec<Pattern>,
    layout: Layout,
    policy: FaultPolicy,
    pub(super) follow: bool,
    pub(super) from_end: bool,
    pub(super) position: Option<PathBuf>,
    /// Where a run goes on.
    pub(super) from: Option<FilePosition>,
}

impl Files {
    /// Reads another file after the others.
    #[must_use]
    pub fn and(mut self, path: impl Into<PathBuf>) -> Self {
        self.paths.push(path.into());
        self
    }

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

    /// Reads the files that match a pattern too, in the order of their paths, after the others. If the files are
    /// [followed](Self::follow), those that come later are read too.
    #[must_use]
    pub fn matching(mut self, pattern: Pattern) -> Self {
        self.patterns.push(pattern);
        self
    }

    /// If `follow`, waits at the ends of the files for more, until the source is stopped. A file that does not exist yet
    /// is waited for. A file that is compressed at the start is read once.
    ///
    /// A file is known by its device and inode, and by what was read of it. If another file takes its place, as in a
    /// rotation, that file is read from its start; the old one is read to its end, and 5 s longer. If a file is cut or
    /// written anew, whatever its length, it is read from its start again, unless it was copied before (to `log.1` or
    /// `log-20261128`, perhaps compressed): then the copy is read to its end first. A CSV file then has a header again,
    /// unless the names were given. A line without its end waits for it, for up to 5 s after another file has come, and
    /// ends where a file was cut.
    ///
    /// The system reports changes; files are also checked each second.
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

    /// Keeps in the file `position` how far the files were read, so that a later run goes on there. The file is written
    /// each second and when the source is closed, after sinks have written the records before. So a run that is killed
    /// repeats at most the records of the last second, and loses none; after a power failure, what the system had not
    /// written to the disk is missing.
    ///
    /// A later run finds files that were rotated or copied since, and first reads what is left of them. Only if a file
    /// is gone is the rest of it lost. The run fails if such a file can't be read. Nothing is saved before it is known
    /// where reading begins in each file.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engine::sources::{self, Feed};
    /// # use engine::{CancellationToken, Source, sinks};
    /// let folder = tempfile::tempdir()?;
    /// let [log, position] = ["log", "position"].map(|name| folder.path().join(name));
    /// std::fs::write(&log, "1\n2\n")?;
    /// for more in ["3\n", "4\n"] {
    ///     let source = Source::new();
    ///     let (sink, numbers) = sinks::list::<i64>();
    ///     source.stream().sink(sink);
    ///     sources::files([&log]).position(&position).feed(&source, &CancellationToken::new()).await?;
    ///     source.close().await?;
    ///     assert_eq!(numbers.take(), if more == "3\n" { vec![1, 2] } else { vec![3] });
    ///     std::fs::OpenOptions::new().append(true).open(&log).and_then(|mut log| {
    ///         std::io::Write::write_all(&mut log, more.as_bytes())
    ///     })?;
    /// }
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn position(mut self, position: impl Into<PathBuf>) -> Self {
        self.position = Some(position.into());
        self
    }

    /// If `from_end`, begins at the ends of the files that are there, after their last whole records. Files that come
    /// later are read from their starts. Positions that an earlier run kept count more, even if there was no file yet.
    #[must_use]
    pub fn from_end(mut self, from_end: bool) -> Self {
        self.from_end = from_end;
        self
    }

    /// Says what happens to input that is not a record of the layout, or to a line that is too long. By default the run
    /// ends.
    #[must_use]
    pub fn on_fault(mut self, policy: &FaultPolicy) -> Self {
        self.policy = policy.clone();
        self
    }
}

impl<T: Record> Feed<T> for Files {
    async fn feed(mut self, source: &Source<T>, stop: &CancellationToken) -> Result<(), Error> {
        if self.follow || self.from_end || self.position.is_some() {
            return self.read_on(source, stop).await;
        }
        for pattern in &self.patterns {
            self.paths.extend(pattern.find().map_err(|error| unreadable(pattern.folder(), error))?);
        }
        source.expects(self.paths.iter().map(|path| size(path)).sum::<Option<u64>>().unwrap_or(0));
        for (place, path) in self.paths.iter().enumerate().skip(self.first_file()?) {
            if stop.is_cancelled() {
                return Ok(());
            }
            source.context().mark(|| Position::of(&FilePosition::begin(place, path)));
            let file = crate::files::open(path).map_err(|error| unreadable(path, error))?;
            read(path, file, self.layout.clone(), &self.policy, source, stop).await?;
        }
        Ok(())
    }
}

impl Files {
    /// Reads files from where they were left, or as they grow.
    async fn read_on<T: Record>(self, source: &Source<T>, stop: &CancellationToken) -> Result<(), Error> {
        let Self { paths, patterns, layout, policy, follow, from_end, position, from: _ } = self;
        let known = position.clone().map(|path| move || Positions::blocking_load(&path));
        let known = match known {
            Some(load) => threads::unblocked("engine-position", load).await??,
            None => None,
        };
        let tracker = position.map(|path| Arc::new(Tracker::new(path, source.last_number())));
        if let Some(tracker) = &tracker {
            tracker.save_for(source, "files")?;
        }
        // Files may be replaced later, so their names say nothing.
        source.begin_input(None);
        let folders: Vec<_> = patterns.iter().map(|pattern| pattern.folder().to_owned()).collect();
        let (_waker, changes) =
            if follow { follow::watch(&paths, &folders) } else { follow::watch(&[], &[]) };
        let to = Receiving { name: layout.name(), policy: &policy, tracker: tracker.as_deref() };
        let context = source.context().clone();
        let tails = Tails { paths, patterns, layout, follow, from_end, known, context };
        to.emit(move |pieces| tails.read(&changes, pieces), source, stop).await
    }
}

/// The size of a regular file, which is how many bytes will be read.
pub(super) fn size(path: &Path) -> Option<u64> {
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
    let fed = layout.feed(reader, Origin::of(path), policy, source, stop).await;
    fed.map_err(|error| naming(path, error))
}

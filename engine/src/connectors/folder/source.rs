//! The source `folder`: the files of a folder, as they appear in it.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use globset::{Glob, GlobMatcher};
use tokio_util::sync::CancellationToken;

use super::arrivals::Arrivals;
use super::memory::{Memory, Place};
use crate::connectors::file::source::read;
use crate::connectors::file::{Generation, read_whole};
use crate::connectors::support::formats::Layout;
use crate::connectors::support::formats::rows::Receiving;
use crate::connectors::support::positions::FilePosition;
use crate::connectors::support::unreadable::unreadable;
use crate::error::FileError;
use crate::graph::{Feed, next};
use crate::record::Record;
use crate::{Error, FaultPolicy, Source, files};

/// How often a folder is scanned if the system does not report changes.
const POLL: Duration = Duration::from_secs(1);

/// Reads the files of a folder: first those that are in it, in the order of their names, then each new file when it is
/// complete, until the source is stopped.
///
/// A file is complete if it is there at the start, when its writer closes it, or when it is renamed or linked into the
/// folder. If the system does not report that, the folder is scanned each second, and a file is complete when its size
/// and time were the same twice in a row. Each file is read once, as [`files`](crate::sources::files) reads it, as long
/// as its name stays in the folder; a new run reads all files again, unless it [knows](Folder::position) which were read.
/// Folders, pipes and devices are ignored, and so are
/// names that begin with a dot: write to such a name and rename it, and no reader sees half a file.
///
/// Nothing outside of the folder is read, so programs that may write to it can't make the run read other files: links
/// that lead out of the folder are ignored. If a function of this process may write to the folder, all links are.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use engine::sources::{self, Feed};
/// use engine::{CancellationToken, Source, sinks};
///
/// let folder = tempfile::tempdir()?;
/// for (name, text) in [("b.log", "3\n"), ("a.log", "1\n2\n"), ("c.txt", "?\n")] {
///     std::fs::write(folder.path().join(name), text)?;
/// }
/// let source = Source::new();
/// let (sink, numbers) = sinks::list::<i64>();
/// source.stream().sink(sink);
/// let logs = sources::folder(folder.path()).names("*.log").once(true);
/// logs.feed(&source, &CancellationToken::new()).await?;
/// source.close().await?;
/// assert_eq!(numbers.take(), [1, 2, 3]);
/// # Ok(()) }
/// ```
pub fn folder(path: impl Into<PathBuf>) -> Folder {
    Folder {
        path: path.into(),
        names: None,
        layout: Layout::default(),
        policy: FaultPolicy::stop(),
        once: false,
        poll: None,
        from_end: false,
        position: None,
    }
}

/// See [`folder`].
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    names: Option<String>,
    layout: Layout,
    policy: FaultPolicy,
    once: bool,
    poll: Option<Duration>,
    from_end: bool,
    position: Option<PathBuf>,
}

impl Folder {
    /// Reads only files whose names match a pattern, as `*.log` or `{a,b}-??.csv`. An invalid pattern is an error when the
    /// source begins.
    #[must_use]
    pub fn names(mut self, pattern: impl Into<String>) -> Self {
        self.names = Some(pattern.into());
        self
    }

    /// Reads files with another layout than lines, such as CSV.
    #[must_use]
    pub fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// Says what happens to input that is not a record of the layout. By default the run ends.
    #[must_use]
    pub fn on_fault(mut self, policy: &FaultPolicy) -> Self {
        self.policy = policy.clone();
        self
    }

    /// If `once`, ends when the files that are in the folder have been read.
    #[must_use]
    pub fn once(mut self, once: bool) -> Self {
        self.once = once;
        self
    }

    /// Scans the folder at this interval, and does not ask the system to report changes: for network file systems, on
    /// which other machines make changes that are not reported.
    #[must_use]
    pub fn polling(mut self, interval: Duration) -> Self {
        self.poll = Some(interval);
        self
    }

    /// Keeps in the file `position` which files were read, and how far, so that a later run goes on there. It is written
    /// each second and when the source is closed, after sinks have written the records before: a run that is killed
    /// repeats at most the records of the last second, and loses none. A file is known by its name, and by what was read
    /// of it: another file of the same name is read.
    #[must_use]
    pub fn position(mut self, position: impl Into<PathBuf>) -> Self {
        self.position = Some(position.into());
        self
    }

    /// If `from_end`, leaves out the files that are in the folder when the first run begins.
    #[must_use]
    pub fn from_end(mut self, from_end: bool) -> Self {
        self.from_end = from_end;
        self
    }

    fn pattern(&self) -> Result<Option<GlobMatcher>, Error> {
        let Some(pattern) = &self.names else { return Ok(None) };
        let glob = Glob::new(pattern).map_err(|error| {
            Error::File(FileError::Pattern { pattern: pattern.clone(), source: Arc::new(error) })
        })?;
        Ok(Some(glob.compile_matcher()))
    }
}

impl<T: Record> Feed<T> for Folder {
    async fn feed(self, source: &Source<T>, stop: &CancellationToken) -> Result<(), Error> {
        let pattern = self.pattern()?;
        let memory = Memory::load(self.position.clone(), source).await?;
        let (arrivals, _watcher) = Arrivals::watch(&self.path, self.poll.is_none());
        let folder = files::Folder::open(&self.path).map_err(|error| unreadable(&self.path, error))?;
        let scan = |first| arrivals.scan(&folder, first).map_err(|error| unreadable(&self.path, error));
        scan(true)?;
        let fits = |name: &OsStr| pattern.as_ref().is_none_or(|pattern| pattern.is_match(Path::new(name)));
        let place = Place { path: &self.path, folder: &folder };
        let begun = memory.begin(place, &arrivals, self.from_end, source.last_number());
        let begun = begun.map_err(|error| unreadable(&self.path, error))?;
        if self.once {
            let waiting = arrivals.waiting().into_iter().filter(|name| fits(name));
            source.expects(waiting.filter_map(|name| Some(folder.known(&name).ok()?.len())).sum());
        }
        loop {
            while let Some(name) = arrivals.next() {
                let path = self.path.join(&name);
                let file = if fits(&name) { folder.file(&name) } else { Ok(None) };
                if let Some(file) = file.map_err(|error| unreadable(&path, error))? {
                    self.read(&path, file, &memory, begun.get(&name), source, stop).await?;
                }
                if stop.is_cancelled() {
                    return Ok(());
                }
            }
            memory.forget(arrivals.gone().iter().map(|name| self.path.join(name)), source.last_number());
            if self.once {
                return Ok(());
            }
            source.pause().await?;
            let poll = self.poll.unwrap_or(POLL);
            if next(source, stop, arrivals.changed(poll)).await?.is_none() {
                return Ok(());
            }
            if arrivals.are_polled() {
                scan(false)?;
            }
        }
    }
}

impl Folder {
    /// Emits the records of a file; if positions are kept, from where an earlier run stopped.
    async fn read<T: Record>(
        &self,
        path: &Path,
        file: File,
        memory: &Memory,
        begun: Option<&FilePosition>,
        source: &Source<T>,
        stop: &CancellationToken,
    ) -> Result<(), Error> {
        let Some(tracker) = memory.tracker() else {
            return read(path, file, self.layout.clone(), &self.policy, source, stop).await;
        };
        let (generation, position) = resumed(file, begun).map_err(|error| unreadable(path, error))?;
        let (layout, path, context) = (self.layout.clone(), path.to_owned(), source.context().clone());
        source.begin_input(None);
        let to = Receiving { name: layout.name(), policy: &self.policy, tracker: Some(tracker) };
        let reading = move |pieces| {
            read_whole(&path, (generation, position.as_ref()), layout, context, pieces);
        };
        to.emit(reading, source, stop).await
    }
}

/// A file, and the position that it is read from: none if it is not the one that was read up to there.
fn resumed(file: File, position: Option<&FilePosition>) -> io::Result<(Generation, Option<FilePosition>)> {
    if let Some(position) = position
        && let Some(generation) = Generation::resumed(file.try_clone()?, position)?
    {
        return Ok((generation, Some(position.clone())));
    }
    Ok((Generation::of(file)?, None))
}

//! The source `folder`: the files of a folder, as they appear in it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use globset::{Glob, GlobMatcher};
use tokio_util::sync::CancellationToken;

use super::arrivals::Arrivals;
use crate::connectors::file::source::{read, unreadable};
use crate::connectors::support::formats::Layout;
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
/// as its name stays in the folder; a new run reads all files again. Folders, pipes and devices are ignored, and so are
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
        let (arrivals, _watcher) = Arrivals::watch(&self.path, self.poll.is_none());
        let folder = files::Folder::open(&self.path).map_err(|error| unreadable(&self.path, error))?;
        let scan = |first| arrivals.scan(&folder, first).map_err(|error| unreadable(&self.path, error));
        scan(true)?;
        let fits = |name: &OsStr| pattern.as_ref().is_none_or(|pattern| pattern.is_match(Path::new(name)));
        if self.once {
            let waiting = arrivals.waiting().into_iter().filter(|name| fits(name));
            source.expects(waiting.filter_map(|name| Some(folder.known(&name).ok()?.len())).sum());
        }
        loop {
            while let Some(name) = arrivals.next() {
                let path = self.path.join(&name);
                let file = if fits(&name) { folder.file(&name) } else { Ok(None) };
                if let Some(file) = file.map_err(|error| unreadable(&path, error))? {
                    read(&path, file, self.layout.clone(), &self.policy, source, stop).await?;
                }
                if stop.is_cancelled() {
                    return Ok(());
                }
            }
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

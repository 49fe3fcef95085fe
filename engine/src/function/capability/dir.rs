//! A folder: `dir:PATH`, `dir:PATH:ro` or `dir:PATH:quota=SIZE`.

use std::path::{Path, PathBuf};

use bytesize::ByteSize;

use super::{Grant, GrantedAccess};

/// How many bytes the files of a folder may grow by unless the grant says otherwise.
const QUOTA: u64 = 1 << 30;

/// A folder and everything in it, under the path that is written here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Dir {
    /// Its path.
    pub path: PathBuf,
    /// It may only be read.
    pub read_only: bool,
    /// How many bytes its files may grow by, counted for all instances of a pool together; 1 GiB unless set.
    pub quota: u64,
}

impl Grant for Dir {
    const NAME: &'static str = "dir";
    const SYNTAX: &'static str = "dir:PATH, dir:PATH:ro";
    const HELP: Option<&'static str> =
        Some("write dir:PATH, dir:PATH:ro or dir:PATH:quota=SIZE, as in dir:data:quota=10GiB");

    fn parse(arguments: Option<&str>) -> Option<Self> {
        let text = arguments?;
        let (path, quota) = match text.rsplit_once(":quota=") {
            Some((path, size)) => (path, size.parse::<ByteSize>().ok()?.as_u64()),
            None => (text, QUOTA),
        };
        let (path, read_only) = path.strip_suffix(":ro").map_or((path, false), |path| (path, true));
        let sensible = !path.is_empty() && (quota == QUOTA || !read_only);
        sensible.then(|| Self { path: path.into(), read_only, quota })
    }

    fn arguments(&self) -> String {
        let Self { path, read_only, quota } = self;
        let read_only = if *read_only { ":ro" } else { "" };
        let quota = if *quota == QUOTA { String::new() } else { format!(":quota={}", shown(*quota)) };
        format!(":{}{read_only}{quota}", path.display())
    }

    /// A folder that may be written can be read.
    fn meets(&self, needed: &Self) -> bool {
        self.path == needed.path && (needed.read_only || !self.read_only)
    }

    #[cfg(feature = "cluster")]
    fn covers(&self, wished: &Self) -> bool {
        (&self.path, self.read_only) == (&wished.path, wished.read_only) && wished.quota <= self.quota
    }

    fn access(&self) -> GrantedAccess<'_> {
        GrantedAccess::Folder { path: &self.path, read_only: self.read_only }
    }

    fn beneath(self, folder: &Path) -> Self {
        Self { path: folder.join(&self.path), ..self }
    }
}

/// A size that is read as it is shown.
fn shown(size: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units.into_iter().find(|(bits, _)| size > 0 && size.trailing_zeros() >= *bits);
    unit.map_or_else(|| format!("{size}B"), |(bits, name)| format!("{}{name}", size >> bits))
}

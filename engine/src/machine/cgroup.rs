//! What control groups allow this process: the least of its own group and all groups around it.

use std::path::{Component, Path, PathBuf};

use crate::files;

/// No file that tells a limit is longer: a machine may have very many mounts.
const LONGEST: u64 = 64 << 20;

/// What a file of the system tells. Names of mounts may be anything.
pub(super) fn told(path: &Path) -> Option<String> {
    let bytes = files::read_at_most(path, LONGEST).ok()?;
    Some(
        String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
    )
}

/// The control groups of this process, of both versions.
pub(super) struct Groups(Vec<Hierarchy>);

/// Where the group of this process is in a mounted hierarchy.
struct Hierarchy {
    version: Version,
    /// The folder of the outermost group that can be seen.
    top: PathBuf,
    /// The folder of this process' group.
    own: PathBuf,
}

enum Version {
    /// One hierarchy for some controllers, which are named.
    One(Vec<String>),
    /// One hierarchy for all.
    Two,
}

/// The files in which a controller tells a limit.
pub(super) struct Limit {
    pub(super) controller: &'static str,
    pub(super) version_1: &'static str,
    pub(super) version_2: &'static [&'static str],
}

impl Groups {
    /// Those that `/proc` tells, where `/` is at `root`.
    pub(super) fn under(root: &Path) -> Self {
        let read = |path: &str| told(&root.join(path)).unwrap_or_default();
        let (mounts, groups) = (read("proc/self/mountinfo"), read("proc/self/cgroup"));
        Self(mounts.lines().filter_map(|mount| Hierarchy::mounted(root, mount, &groups)).collect())
    }

    /// The least that any group allows; none, if all of them allow anything.
    pub(super) fn least(&self, limit: &Limit) -> Option<u64> {
        self.0.iter().filter_map(|hierarchy| hierarchy.least(limit)).min()
    }
}

impl Hierarchy {
    /// From a line of `mountinfo`: `36 35 0:32 ROOT POINT OPTIONS [TAG…] - TYPE SOURCE SUPER_OPTIONS`.
    fn mounted(root: &Path, mount: &str, groups: &str) -> Option<Self> {
        let (place, kind) = mount.split_once(" - ")?;
        let mut place = place.split(' ').skip(3);
        let (mounted, point) = (unescaped(place.next()?), unescaped(place.next()?));
        let mut kind = kind.split(' ');
        let (version, controllers) = match kind.next()? {
            "cgroup2" => (Version::Two, Vec::new()),
            "cgroup" => {
                let controllers: Vec<_> = kind.next_back()?.split(',').map(str::to_owned).collect();
                (Version::One(controllers.clone()), controllers)
            }
            _ => return None,
        };
        let group = groups.lines().find_map(|line| {
            // `ID:CONTROLLERS:GROUP`; version 2 has the id 0 and names no controllers.
            let mut parts = line.splitn(3, ':');
            let (id, named, group) = (parts.next()?, parts.next()?, parts.next()?);
            let is_it = match version {
                Version::Two => id == "0" && named.is_empty(),
                Version::One(_) => named.split(',').any(|name| controllers.iter().any(|known| known == name)),
            };
            is_it.then_some(group)
        })?;
        let top = root.join(point.trim_start_matches('/'));
        // A container may see no more of the hierarchy than its own group, which is then all there is.
        let within = Path::new(group).strip_prefix(&mounted).unwrap_or(Path::new(""));
        let is_within = within.components().all(|part| matches!(part, Component::Normal(_)));
        let own = if is_within { top.join(within) } else { top.clone() };
        Some(Self { version, top, own })
    }

    fn least(&self, limit: &Limit) -> Option<u64> {
        let files = match &self.version {
            Version::Two => limit.version_2,
            Version::One(controllers) if controllers.iter().any(|known| known == limit.controller) => {
                std::slice::from_ref(&limit.version_1)
            }
            Version::One(_) => &[],
        };
        let groups = self.own.ancestors().take_while(|group| group.starts_with(&self.top));
        let paths = groups.flat_map(|group| files.iter().map(|file| group.join(file)));
        // `max` is no number.
        paths.filter_map(|path| told(&path)?.trim().parse().ok()).min()
    }
}

/// A path of `mountinfo`, where spaces and the like are octal numbers: `\040`.
fn unescaped(path: &str) -> String {
    let mut parts = path.split('\\');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..3).and_then(|code| u8::from_str_radix(code, 8).ok());
        match code {
            Some(code) => {
                plain.push(char::from(code));
                plain.push_str(&part[3..]);
            }
            None => {
                plain.push('\\');
                plain.push_str(part);
            }
        }
    }
    plain
}

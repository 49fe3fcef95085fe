//! The rules of the wall: what the process may still reach once it is raised.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Program;
use crate::function::Capability;
use crate::function::capability::GrantedAccess;

/// What a process may still reach once the wall is raised. The kernel refuses everything else.
///
/// Paths are looked up when the wall is raised, so a file that is moved later stays reachable, and one
/// that takes its place does not, unless the launcher opens it. A path that does not exist then is not reachable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rules {
    /// Files, and folders with all that is in them, that may be read.
    pub reads: BTreeSet<PathBuf>,
    /// Files that may be read and written, and folders in which anything may be made, changed and removed.
    pub writes: BTreeSet<PathBuf>,
    /// Files that the launcher opens for writing, since they may not exist yet, or not any more. Nothing else in
    /// their folders becomes reachable.
    pub creates: BTreeSet<PathBuf>,
    /// Files that the launcher replaces or removes.
    pub replaces: BTreeSet<PathBuf>,
    /// Files that the launcher gives the names of older ones, and how many of these are kept.
    pub rotates: BTreeMap<PathBuf, usize>,
    /// TCP ports to which connections may be opened, on any host.
    pub connects: BTreeSet<u16>,
    /// TCP ports on which the process may listen; 0 stands for one that the system chooses.
    pub listens: BTreeSet<u16>,
    /// Connections may be opened to all ports.
    pub connects_anywhere: bool,
    /// Whether names of hosts are looked up.
    pub resolves: bool,
    /// Programs that the launcher may start.
    pub programs: Vec<Program>,
}

impl Rules {
    /// Rules for a process that computes and talks over the streams that it has.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets a file, or a folder and all that is in it, be read.
    pub fn read(&mut self, path: impl AsRef<Path>) {
        self.reads.insert(whole(path.as_ref()));
    }

    /// Lets an existing file be written, or anything in an existing folder be made, changed and removed.
    pub fn write(&mut self, path: impl AsRef<Path>) {
        self.writes.insert(whole(path.as_ref()));
    }

    /// Lets a file be written that may not exist yet, or may be removed, renamed or replaced meanwhile, and nothing else in
    /// its folder.
    pub fn create(&mut self, path: impl AsRef<Path>) {
        let path = whole(path.as_ref());
        let exists = path.exists();
        // A device, a pipe or a descriptor is not made again.
        if !exists || target(&path).symlink_metadata().is_ok_and(|known| known.is_file()) {
            self.creates.insert(path.clone());
        }
        if exists {
            self.writes.insert(path);
        }
    }

    /// Lets a file be read, replaced by another one and removed, and nothing else in its folder.
    pub fn replace(&mut self, path: impl AsRef<Path>) {
        let path = whole(path.as_ref());
        self.read(&path);
        self.replaces.insert(path);
    }

    /// Lets a file be written, and rotated: it is renamed to PATH.1, that to PATH.2 and so on up to the number `keep`.
    pub fn rotate(&mut self, path: impl AsRef<Path>, keep: usize) {
        let path = whole(path.as_ref());
        self.create(&path);
        self.rotates.insert(path, keep);
    }

    /// Lets connections be opened to a TCP port of `host`.
    ///
    /// The kernel compares ports alone: other hosts are refused by the engine, not by the wall.
    pub fn connect(&mut self, host: &str, port: u16) {
        self.connects.insert(port);
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if host.parse::<std::net::IpAddr>().is_err() {
            self.resolve();
        }
    }

    /// Lets names of hosts be looked up; answers that are long come by TCP.
    pub fn resolve(&mut self) {
        self.resolves = true;
        self.connects.insert(DNS);
    }

    /// Lets connections be opened to servers of a cluster, which tell of one another: to all ports.
    pub fn connect_cluster(&mut self) {
        self.connects_anywhere = true;
        self.resolve();
    }

    /// Lets connections be opened to the host and port of a URL, and to the proxies that this process's
    /// environment names if it is one of HTTP.
    pub fn connect_url(&mut self, url: &str) {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let usual = match scheme {
            "https" | "wss" => 443,
            "nats" | "tls" => 4222,
            _ => 80,
        };
        if let Some((host, port)) = authority(rest, usual) {
            self.connect(host, port);
        }
        if matches!(scheme, "http" | "https") {
            let proxies = PROXIES.iter().filter_map(|name| std::env::var(name).ok());
            for proxy in proxies {
                let rest = proxy.split_once("://").map_or(&*proxy, |(_, rest)| rest);
                if let Some((host, port)) = authority(rest, 80) {
                    self.connect(host, port);
                }
            }
        }
    }

    /// Lets the process listen on a TCP port.
    pub fn listen(&mut self, port: u16) {
        self.listens.insert(port);
    }

    /// Lets a process reach what its functions were granted.
    pub fn grant(&mut self, capability: &Capability) {
        match capability.access() {
            GrantedAccess::Folder { path, read_only: true } => self.read(path),
            GrantedAccess::Folder { path, read_only: false } => self.write(path),
            GrantedAccess::Host { host, port } => self.connect(host, port),
            GrantedAccess::Nothing => {}
        }
    }

    /// Lets a program be started, by the launcher.
    pub fn start(&mut self, program: Program) {
        if !self.programs.contains(&program) {
            self.programs.push(program);
        }
    }

    /// Adds all that `other` allows.
    pub fn extend(&mut self, other: Self) {
        self.reads.extend(other.reads);
        self.writes.extend(other.writes);
        self.creates.extend(other.creates);
        self.replaces.extend(other.replaces);
        self.rotates.extend(other.rotates);
        self.connects.extend(other.connects);
        self.listens.extend(other.listens);
        self.resolves |= other.resolves;
        self.connects_anywhere |= other.connects_anywhere;
        other.programs.into_iter().for_each(|program| self.start(program));
    }

    /// Whether the process uses the network at all.
    #[must_use]
    pub fn have_network(&self) -> bool {
        self.resolves || self.connects_anywhere || !self.connects.is_empty() || !self.listens.is_empty()
    }

    /// Whether something has to be done outside of the wall.
    #[must_use]
    pub fn need_launcher(&self) -> bool {
        let files = [self.creates.is_empty(), self.replaces.is_empty(), self.rotates.is_empty()];
        !self.programs.is_empty() || files.contains(&false)
    }
}

/// Variables that name a proxy for requests over HTTP.
const PROXIES: [&str; 6] =
    ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// The host and the port of what follows a URL's scheme.
fn authority(rest: &str, usual: u16) -> Option<(&str, u16)> {
    let authority = rest.split(['/', '?', '#']).next()?;
    let address = authority.rsplit_once('@').map_or(authority, |(_, address)| address);
    match address.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => Some((host, port.parse().ok()?)),
        _ => Some((address, usual)),
    }
}

/// Where names of hosts are looked up.
const DNS: u16 = 53;

/// Links that lead from a path to a file at most.
pub(super) const LINKS: usize = 40;

/// What a path leads to, as it is now; also if that is not there.
pub(super) fn target(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        // What is followed by the system alone, as in /proc/self/fd, stays as it is.
        let magic = path.starts_with("/proc") || path.starts_with("/dev");
        let Some(next) = path.read_link().ok().filter(|_| !magic) else { break };
        path = path.parent().map_or(next.clone(), |folder| folder.join(&next));
    }
    path
}

/// A path that means the same wherever the process is.
fn whole(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |what: &str, value: &dyn fmt::Display| writeln!(f, "{what:<8} {value}");
        for path in &self.reads {
            line("read", &path.display())?;
        }
        for path in &self.writes {
            line("write", &path.display())?;
        }
        for path in &self.creates {
            line("create", &path.display())?;
        }
        for path in &self.replaces {
            line("replace", &path.display())?;
        }
        for (path, keep) in &self.rotates {
            line("rotate", &format_args!("{} ({keep} kept)", path.display()))?;
        }
        for port in &self.connects {
            line("connect", &format_args!("*:{port}"))?;
        }
        for port in &self.listens {
            line("listen", port)?;
        }
        if self.connects_anywhere {
            line("connect", &"*:*")?;
        }
        if self.resolves {
            line("resolve", &"names of hosts")?;
        }
        self.programs.iter().try_for_each(|program| line("start", program))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_need_a_resolver_and_addresses_do_not() {
        let mut rules = Rules::new();
        rules.connect("127.0.0.1", 80);
        rules.connect("[::1]", 81);
        assert!(!rules.resolves && rules.have_network());
        rules.connect("example.org", 443);
        assert!(rules.resolves);
        assert_eq!(rules.connects, BTreeSet::from([53, 80, 81, 443]));
    }

    #[test]
    fn urls_give_their_ports() {
        let ports = |url: &str| {
            let mut rules = Rules::new();
            rules.connect_url(url);
            rules.connects.into_iter().filter(|port| *port != DNS).collect::<Vec<_>>()
        };
        assert_eq!(ports("wss://example.org/feed"), [443]);
        assert_eq!(ports("ws://me:secret@example.org:81?x=1:2"), [81]);
        assert_eq!(ports("nats://[::1]"), [4222]);
        assert_eq!(ports("nats://[::1]:4223"), [4223]);
    }

    #[test]
    fn files_that_exist_are_written_directly_and_the_launcher_makes_all_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        std::fs::write(&old, "").unwrap();
        let mut rules = Rules::new();
        rules.create("/dev/null");
        assert!(!rules.need_launcher(), "a device is not made again");
        rules.create(&old);
        assert!(rules.need_launcher(), "it may be removed during the run");
        rules.create(&new);
        assert_eq!(rules.writes, BTreeSet::from(["/dev/null".into(), old.clone()]));
        assert_eq!(rules.creates, BTreeSet::from([old, new]));
    }

    #[cfg(unix)]
    #[test]
    fn what_a_link_leads_to_is_made_again_and_descriptors_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let (old, link) = (folder.path().join("old"), folder.path().join("link"));
        let open = std::fs::File::create(&old).unwrap();
        std::os::unix::fs::symlink("old", &link).unwrap();
        let descriptor = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&open));
        let mut rules = Rules::new();
        rules.create(&descriptor);
        rules.create(&link);
        assert_eq!(rules.writes, BTreeSet::from([descriptor.into(), link.clone()]));
        assert_eq!(rules.creates, BTreeSet::from([link]));
    }
}

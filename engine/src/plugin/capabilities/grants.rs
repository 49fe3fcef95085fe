//! What functions may be granted, and what they were.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use bytesize::ByteSize;

use crate::files::Granted;
use crate::plugin::capabilities::dir::{FileContext, open_granted};
use crate::plugin::capabilities::net::names::look_up;
use crate::plugin::host::lane::Lane;

/// Something outside of its sandbox that a function may be given.
///
/// Written as `dir:PATH`, `dir:PATH:ro`, `dir:PATH:quota=SIZE`, `net:HOST:PORT`, `env:NAME`, `clock` or `random`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Capability {
    /// A folder and all that is in it, under the path that is written here.
    Dir {
        /// Its path.
        path: PathBuf,
        /// It may only be read.
        read_only: bool,
        /// By how many bytes its files may grow, counted for all instances of a pool together; 1 GiB if not said.
        quota: u64,
    },
    /// TCP connections to one port of one host. A name stands for the public addresses that this machine
    /// finds for it; one in a private network must be granted as an address.
    Net {
        /// A name or an address.
        host: String,
        /// The port.
        port: u16,
    },
    /// One variable of this process's environment.
    Env {
        /// Its name.
        name: String,
    },
    /// The time of day.
    Clock,
    /// Random numbers that nobody can foresee.
    Random,
}

impl FromStr for Capability {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        match (kind, rest) {
            ("clock", "") if !text.contains(':') => Ok(Self::Clock),
            ("random", "") if !text.contains(':') => Ok(Self::Random),
            ("env", name) if !name.is_empty() => Ok(Self::Env { name: name.to_owned() }),
            ("dir", folder) => parse_folder(folder).ok_or_else(|| {
                "write dir:PATH, dir:PATH:ro or dir:PATH:quota=SIZE, as in dir:data:quota=10GiB".to_owned()
            }),
            ("net", address) => {
                let (host, port) = address.rsplit_once(':').unwrap_or_default();
                let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
                let port = port.parse().ok().filter(|port| *port != 0 && !host.is_empty());
                let port = port.ok_or("write net:HOST:PORT, as in net:example.org:443")?;
                Ok(Self::Net { host: host.to_owned(), port })
            }
            _ => Err("write dir:PATH, dir:PATH:ro, net:HOST:PORT, env:NAME, clock or random".to_owned()),
        }
    }
}

/// By how many bytes the files of a folder may grow: no function fills a disk that nobody meant it to.
const QUOTA: u64 = 1 << 30;

/// What is written behind `dir:`.
fn parse_folder(text: &str) -> Option<Capability> {
    let (path, quota) = match text.rsplit_once(":quota=") {
        Some((path, size)) => (path, size.parse::<ByteSize>().ok()?.as_u64()),
        None => (text, QUOTA),
    };
    let (path, read_only) = path.strip_suffix(":ro").map_or((path, false), |path| (path, true));
    let sensible = !path.is_empty() && (quota == QUOTA || !read_only);
    sensible.then(|| Capability::Dir { path: path.into(), read_only, quota })
}

/// A size that is read as it is shown.
fn shown(size: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units.into_iter().find(|(bits, _)| size > 0 && size.trailing_zeros() >= *bits);
    unit.map_or_else(|| format!("{size}B"), |(bits, name)| format!("{}{name}", size >> bits))
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dir { path, read_only, quota } => {
                write!(f, "dir:{}{}", path.display(), if *read_only { ":ro" } else { "" })?;
                if *quota == QUOTA { Ok(()) } else { write!(f, ":quota={}", shown(*quota)) }
            }
            Self::Net { host, port } if host.contains(':') => write!(f, "net:[{host}]:{port}"),
            Self::Net { host, port } => write!(f, "net:{host}:{port}"),
            Self::Env { name } => write!(f, "env:{name}"),
            Self::Clock => f.write_str("clock"),
            Self::Random => f.write_str("random"),
        }
    }
}

impl Capability {
    /// Whether it is (one of those) that a function says it needs: `net` is any port of any host.
    #[must_use]
    pub fn meets(&self, need: &str) -> bool {
        match (self, need) {
            (Self::Dir { .. }, "dir") | (Self::Net { .. }, "net") | (Self::Env { .. }, "env") => true,
            (Self::Dir { path, .. }, _) => need.parse().is_ok_and(|need| match need {
                // What is granted for writing can be read.
                Self::Dir { path: needed, read_only, .. } => {
                    *path == needed && (read_only || self.has_effects())
                }
                _ => false,
            }),
            _ => need.parse().as_ref() == Ok(self),
        }
    }

    /// Whether to have `wished` is no more than to have this.
    #[cfg(feature = "cluster")]
    pub(crate) fn covers(&self, wished: &Self) -> bool {
        match (self, wished) {
            (
                Self::Dir { path, read_only, quota },
                Self::Dir { path: other, read_only: reads, quota: size },
            ) => (path, read_only) == (other, reads) && size <= quota,
            _ => self == wished,
        }
    }

    /// Whether a function that has it may do what can't be done twice without harm.
    fn has_effects(&self) -> bool {
        matches!(self, Self::Net { .. } | Self::Dir { read_only: false, .. })
    }
}

/// So many addresses of a name are known before all are looked for anew.
const KNOWN: usize = 4096;

/// Folders by their paths, each with what all instances resolve paths in.
type Folders = HashMap<PathBuf, io::Result<(Granted, Arc<File>)>>;

/// What one function may use: granted, and declared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grants {
    pub(crate) capabilities: Vec<Capability>,
    /// The folders among them, opened once for all instances.
    folders: Arc<Folders>,
    found: Arc<Mutex<HashMap<String, HashSet<IpAddr>>>>,
    /// Where its file operations wait for one another.
    pub(in crate::plugin) lane: Arc<Lane>,
}

impl Grants {
    /// Of what was granted, what a function says it needs; or the needs that nothing meets.
    pub(crate) fn of(needs: &[String], granted: &[Capability]) -> Result<Self, Vec<String>> {
        let missing = |need: &&String| !granted.iter().any(|capability| capability.meets(need));
        let missing: Vec<_> = needs.iter().filter(missing).cloned().collect();
        if !missing.is_empty() {
            return Err(missing);
        }
        let needed = |capability: &&Capability| needs.iter().any(|need| capability.meets(need));
        let capabilities: Vec<_> = granted.iter().filter(needed).cloned().collect();
        let folders = Arc::new(opened(&capabilities));
        Ok(Self { capabilities, folders, found: Arc::default(), lane: Arc::default() })
    }

    /// A granted folder as it was opened when it was granted, whatever became of its name.
    pub(in crate::plugin) fn folder(&self, path: &Path) -> io::Result<Arc<File>> {
        match self.folders.get(path) {
            Some(Ok((_, folder))) => Ok(folder.clone()),
            Some(Err(error)) => Err(io::Error::new(error.kind(), error.to_string())),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Whether a record must not be run again that the function has begun.
    pub(crate) fn have_effects(&self) -> bool {
        self.capabilities.iter().any(Capability::has_effects)
    }

    /// Whether there is anything of the network among them.
    pub(crate) fn have_network(&self) -> bool {
        self.capabilities.iter().any(|capability| matches!(capability, Capability::Net { .. }))
    }

    /// What calls may block on, for people.
    pub(in crate::plugin) fn folders(&self) -> String {
        let shown = self.capabilities.iter().filter_map(|capability| match capability {
            Capability::Dir { path, .. } => Some(path.display().to_string()),
            Capability::Net { host, .. } => Some(host.clone()),
            _ => None,
        });
        shown.collect::<Vec<_>>().join(", ")
    }

    /// Whether its instances open files or connections.
    pub(crate) fn hold_descriptors(&self) -> bool {
        let holds = |held: &Capability| matches!(held, Capability::Dir { .. } | Capability::Net { .. });
        self.capabilities.iter().any(holds)
    }

    fn hosts(&self) -> impl Iterator<Item = (&str, u16)> {
        self.capabilities.iter().filter_map(|capability| match capability {
            Capability::Net { host, port } => Some((&**host, *port)),
            _ => None,
        })
    }

    /// Whether the guest may ask for the addresses of `name`.
    pub(crate) fn may_resolve(&self, name: &str) -> bool {
        self.hosts().any(|(host, _)| host.eq_ignore_ascii_case(name))
    }

    /// Whether the guest may connect to an address.
    pub(in crate::plugin) async fn may_connect(
        self,
        address: SocketAddr,
        context: Option<Arc<FileContext>>,
    ) -> bool {
        let Some(context) = context else { return false };
        let ip = address.ip().to_canonical();
        for (host, _) in self.hosts().filter(|(_, port)| *port == address.port()) {
            let granted = match host.parse::<IpAddr>() {
                Ok(granted) => granted.to_canonical() == ip,
                Err(_) => is_public(ip) && self.finds(host, ip, &context).await,
            };
            if granted {
                return true;
            }
        }
        false
    }

    /// Whether this machine finds `ip` for a name.
    async fn finds(&self, host: &str, ip: IpAddr, context: &FileContext) -> bool {
        let known = |found: IpAddr| {
            let all = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            all.get(host).is_some_and(|known| known.contains(&found))
        };
        if known(ip) {
            return true;
        }
        let name = host.to_owned();
        let Some(found) = context.on_thread(move || look_up(&name)).await.flatten() else { return false };
        let mut all = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let all_found = all.entry(host.to_owned()).or_default();
        // Names have many addresses, of which each answer has some.
        if all_found.len() > KNOWN {
            all_found.clear();
        }
        all_found.extend(found);
        drop(all);
        known(ip)
    }
}

/// Opens the folders among capabilities. What can't be opened is told by the first instance that needs it.
fn opened(capabilities: &[Capability]) -> Folders {
    let mut opened = HashMap::new();
    // What may be written comes first, since it says how others are opened.
    for writes in [true, false] {
        for capability in capabilities {
            if let Capability::Dir { path, read_only, .. } = capability
                && *read_only != writes
                && !opened.contains_key(path)
            {
                let folder = Granted::open(path, *read_only).and_then(|granted| {
                    open_granted(&granted.opened()).map(|file| (granted, Arc::new(file)))
                });
                opened.insert(path.clone(), folder);
            }
        }
    }
    opened
}

/// Whether an address is one of the internet, and of no private network, this machine or a special use.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            let special =
                matches!((a, b, c), (0 | 240.., ..) | (100, 64..=127, _) | (192, 0, 0) | (198, 18 | 19, _));
            !(special
                || ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_multicast()
                || ip.is_documentation())
        }
        IpAddr::V6(ip) => {
            // 2000::/3 is what was given out for the internet, but for documentation and tunnels.
            let [first, second, ..] = ip.segments();
            let special = matches!((first, second), (0x2001, 0..=0x01ff | 0x0db8) | (0x2002, _));
            first & 0xe000 == 0x2000 && !special && ip != Ipv6Addr::UNSPECIFIED
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capability(text: &str) -> Capability {
        text.parse().unwrap()
    }

    #[test]
    fn capabilities_round_trip_through_text() {
        for text in [
            "dir:/a b",
            "dir:data:ro",
            "dir:x:quota=3MiB",
            "dir:x:quota=5B",
            "net:example.org:443",
            "net:[::1]:80",
            "env:HOME",
            "clock",
            "random",
        ] {
            assert_eq!(capability(text).to_string(), text);
        }
        for text in [
            "",
            "dir",
            "dir:",
            "dir::ro",
            "dir::quota=1GiB",
            "dir:a:quota=",
            "dir:a:quota=much",
            "dir:a:ro:quota=1MiB",
            "net",
            "net:a",
            "net::1",
            "net:a:0",
            "net:a:65536",
            "env:",
            "clock:",
            "disk",
        ] {
            assert!(text.parse::<Capability>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_function_gets_what_it_needs_and_was_granted() {
        let granted = ["net:a:1", "net:b:2", "dir:/x", "clock"].map(capability);
        let of = |needs: &[&str]| {
            let needs: Vec<_> = needs.iter().map(ToString::to_string).collect();
            Grants::of(&needs, &granted).map(|grants| {
                grants.capabilities.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
            })
        };
        assert_eq!(of(&[]), Ok(String::new()));
        assert_eq!(of(&["net"]), Ok("net:a:1 net:b:2".into()));
        assert_eq!(of(&["net:b:2", "clock"]), Ok("net:b:2 clock".into()));
        assert_eq!(of(&["dir:/x:ro"]), Ok("dir:/x".into()));
        assert_eq!(of(&["net:c:3", "clock", "random"]), Err(vec!["net:c:3".into(), "random".into()]));
    }

    #[cfg(feature = "cluster")]
    #[test]
    fn a_folder_grant_covers_a_smaller_quota() {
        assert!(capability("dir:/x:quota=2GiB").covers(&capability("dir:/x")));
        for other in ["dir:/x:quota=2GiB", "dir:/x:ro", "dir:/y", "clock"] {
            assert!(!capability("dir:/x").covers(&capability(other)), "{other}");
        }
    }

    #[test]
    fn only_internet_addresses_are_public() {
        for ip in ["8.8.8.8", "2606:4700::1111", "172.32.0.1", "100.128.0.1"] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
        let private = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
            "192.0.0.8",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "64:ff9b::7f00:1",
        ];
        for ip in private {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
    }
}

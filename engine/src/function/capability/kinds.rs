//! All capabilities, and the one place where their text is read and written.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::{Clock, Dir, Env, Grant, GrantedAccess, Net, Random};

/// A kind of capability, as text is read.
struct CapabilityKind {
    name: &'static str,
    syntax: &'static str,
    help: Option<&'static str>,
    parse: fn(Option<&str>) -> Option<Capability>,
}

/// Declares the kinds of capabilities, in the order in which their syntax is listed.
macro_rules! capabilities {
    ($($(#[$doc:meta])* $kind:ident),* $(,)?) => {
        /// Something outside of its sandbox that a function may be given.
        ///
        /// Written as `dir:PATH`, `dir:PATH:ro`, `dir:PATH:quota=SIZE`, `net:HOST:PORT`, `env:NAME`, `clock` or
        /// `random`.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Capability {
            $($(#[$doc])* $kind($kind),)*
        }

        const KINDS: &[CapabilityKind] = &[$(CapabilityKind {
            name: $kind::NAME,
            syntax: $kind::SYNTAX,
            help: $kind::HELP,
            parse: |arguments| $kind::parse(arguments).map(Capability::$kind),
        },)*];

        impl Capability {
            fn name(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => $kind::NAME,)*
                }
            }

            fn arguments(&self) -> String {
                match self {
                    $(Self::$kind(capability) => capability.arguments(),)*
                }
            }

            fn meets_needed(&self, needed: &Self) -> bool {
                match (self, needed) {
                    $((Self::$kind(granted), Self::$kind(needed)) => granted.meets(needed),)*
                    _ => false,
                }
            }

            /// Whether having `wished` is no more than having this.
            #[cfg(feature = "cluster")]
            pub(crate) fn covers(&self, wished: &Self) -> bool {
                match (self, wished) {
                    $((Self::$kind(granted), Self::$kind(wished)) => granted.covers(wished),)*
                    _ => false,
                }
            }

            /// What it has access to on the machine.
            pub(crate) fn access(&self) -> GrantedAccess<'_> {
                match self {
                    $(Self::$kind(capability) => capability.access(),)*
                }
            }

            /// The same capability with its relative paths below `folder`.
            pub(crate) fn beneath(self, folder: &Path) -> Self {
                match self {
                    $(Self::$kind(capability) => Self::$kind(capability.beneath(folder)),)*
                }
            }
        }
    };
}

capabilities! {
    /// A folder.
    Dir,
    /// Connections to a host.
    Net,
    /// A variable of the environment.
    Env,
    /// The time of day.
    Clock,
    /// Random numbers.
    Random,
}

impl Capability {
    /// Whether a function that says it needs `need` may have this. A kind alone stands for all of it: `net` is any
    /// port of any host.
    #[must_use]
    pub fn meets(&self, need: &str) -> bool {
        need == self.name() || need.parse().is_ok_and(|needed| self.meets_needed(&needed))
    }

    /// The folder that it gives, if it is one.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        match self.access() {
            GrantedAccess::Folder { path, .. } => Some(path),
            _ => None,
        }
    }
}

impl FromStr for Capability {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, arguments) = match text.split_once(':') {
            Some((name, arguments)) => (name, Some(arguments)),
            None => (text, None),
        };
        let kind = KINDS.iter().find(|kind| kind.name == name);
        let parsed = kind.and_then(|kind| (kind.parse)(arguments));
        parsed.ok_or_else(|| {
            kind.and_then(|kind| kind.help).map_or_else(|| format!("write {}", syntax()), str::to_owned)
        })
    }
}

/// The ways to write a capability, as in `a, b or c`.
fn syntax() -> String {
    let all: Vec<_> = KINDS.iter().map(|kind| kind.syntax).collect();
    match all.split_last() {
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name(), self.arguments())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(text.parse::<Capability>().unwrap().to_string(), text);
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
    fn a_wrong_capability_says_what_to_write() {
        let all = "write dir:PATH, dir:PATH:ro, net:HOST:PORT, env:NAME, clock or random";
        let dir = "write dir:PATH, dir:PATH:ro or dir:PATH:quota=SIZE, as in dir:data:quota=10GiB";
        let net = "write net:HOST:PORT, as in net:example.org:443";
        for (text, help) in [("disk", all), ("env:", all), ("clock:", all), ("dir:", dir), ("net:a:0", net)] {
            assert_eq!(text.parse::<Capability>(), Err(help.to_owned()), "{text}");
        }
    }

    #[cfg(feature = "cluster")]
    #[test]
    fn a_folder_grant_covers_a_smaller_quota() {
        let capability = |text: &str| text.parse::<Capability>().unwrap();
        assert!(capability("dir:/x:quota=2GiB").covers(&capability("dir:/x")));
        for other in ["dir:/x:quota=2GiB", "dir:/x:ro", "dir:/y", "clock"] {
            assert!(!capability("dir:/x").covers(&capability(other)), "{other}");
        }
    }
}

//! What each capability says of itself: how it is written, and what it gives access to.

use std::path::Path;

/// A kind of capability.
pub(crate) trait Grant: Sized + PartialEq {
    /// The word before the first colon.
    const NAME: &'static str;

    /// The ways to write it, for people.
    const SYNTAX: &'static str;

    /// What to write instead of wrong arguments, if that is more than [`Self::SYNTAX`].
    const HELP: Option<&'static str> = None;

    /// Reads what is written after the first colon, if there is one.
    fn parse(arguments: Option<&str>) -> Option<Self>;

    /// What is written after the name, from the first colon on.
    fn arguments(&self) -> String {
        String::new()
    }

    /// Whether a function that says it needs `needed` may have this.
    fn meets(&self, needed: &Self) -> bool {
        self == needed
    }

    /// Whether having `wished` is no more than having this.
    #[cfg(feature = "cluster")]
    fn covers(&self, wished: &Self) -> bool {
        self == wished
    }

    /// What it has access to on the machine.
    fn access(&self) -> GrantedAccess<'_> {
        GrantedAccess::Nothing
    }

    /// The same capability with its relative paths below `folder`.
    fn beneath(self, _folder: &Path) -> Self {
        self
    }
}

/// What a capability gives access to on the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GrantedAccess<'a> {
    /// Neither files nor the network.
    Nothing,
    /// A folder and everything in it.
    Folder {
        /// Its path.
        path: &'a Path,
        /// It may only be read.
        read_only: bool,
    },
    /// TCP connections to one port of one host.
    Host {
        /// A name or an address.
        host: &'a str,
        /// The port.
        port: u16,
    },
}

impl GrantedAccess<'_> {
    /// Whether something may be done that cannot be done twice without harm.
    pub(crate) fn has_effects(&self) -> bool {
        matches!(self, Self::Host { .. } | Self::Folder { read_only: false, .. })
    }
}

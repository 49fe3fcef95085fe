//! What one function may use of the machine, and what its instances share of that.

use std::sync::Arc;
use std::time::Duration;

use super::dir::FileContext;
use super::dir::granted::GrantedFolders;
use super::net::granted::GrantedHosts;
use crate::function::Capability;
use crate::function::capability::GrantedAccess;
use crate::plugin::host::files::FunctionFiles;
use crate::plugin::host::resources::{Account, GuestResources};
use crate::plugin::undeclared::{Undeclared, UndeclaredCalls};

/// What one function may use: what it was granted of what it says it needs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grants {
    pub(crate) capabilities: Vec<Capability>,
    folders: Arc<GrantedFolders>,
    pub(in crate::plugin) hosts: Arc<GrantedHosts>,
    files: FunctionFiles,
    pub(in crate::plugin) undeclared: UndeclaredCalls,
}

/// A function has lost all of its turns, and every further call would wait for ever.
#[derive(Debug, thiserror::Error)]
#[error("{calls} of its calls never returned, and each keeps a thread: look at the file system of {folders}")]
pub(in crate::plugin) struct Stuck {
    calls: usize,
    folders: String,
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
        let folders = Arc::new(GrantedFolders::open(&capabilities));
        let hosts = Arc::new(GrantedHosts::of(&capabilities));
        Ok(Self { capabilities, folders, hosts, ..Self::default() })
    }

    /// The same, with what becomes of calls for what the function did not declare.
    pub(crate) fn when_undeclared(self, undeclared: Undeclared) -> Self {
        Self { undeclared: UndeclaredCalls::new(undeclared), ..self }
    }

    /// Whether the function may know the time of day.
    pub(in crate::plugin) fn have_clock(&self) -> bool {
        self.capabilities.iter().any(|capability| matches!(capability, Capability::Clock(_)))
    }

    /// Whether the function found the clock at 1970, since it did not declare that it reads it.
    pub(crate) fn found_frozen_clock(&self) -> bool {
        self.undeclared.found_frozen_clock()
    }

    fn accesses(&self) -> impl Iterator<Item = GrantedAccess<'_>> {
        self.capabilities.iter().map(Capability::access)
    }

    /// Whether a record that the function has begun must not be run again.
    pub(crate) fn have_effects(&self) -> bool {
        self.accesses().any(|access| access.has_effects())
    }

    /// Whether the function may use the network.
    pub(crate) fn have_network(&self) -> bool {
        !self.hosts.is_empty()
    }

    /// Whether its instances open files or connections.
    pub(crate) fn hold_descriptors(&self) -> bool {
        self.accesses().any(|access| access != GrantedAccess::Nothing)
    }

    /// What calls may block on, for people.
    fn places(&self) -> String {
        let shown = self.accesses().filter_map(|access| match access {
            GrantedAccess::Folder { path, .. } => Some(path.display().to_string()),
            GrantedAccess::Host { host, .. } => Some(host.to_owned()),
            GrantedAccess::Nothing => None,
        });
        shown.collect::<Vec<_>>().join(", ")
    }

    /// Opens an account for an instance, and the folders that were granted; none if nothing was that takes anything
    /// of the host.
    pub(in crate::plugin) fn open_context(
        &self,
        resources: &Arc<GuestResources>,
        patience: Duration,
    ) -> wasmtime::Result<Option<Arc<FileContext>>> {
        if !self.hold_descriptors() {
            return Ok(None);
        }
        if let Some(calls) = resources.threads.is_lost(&self.files.lane) {
            return Err(Stuck { calls, folders: self.places() }.into());
        }
        let account = Account::open(resources).map_err(|refused| wasmtime::format_err!("{refused}"))?;
        FileContext::open(&self.capabilities, &self.folders, account, self.files.clone(), patience).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capability(text: &str) -> Capability {
        text.parse().unwrap()
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
}

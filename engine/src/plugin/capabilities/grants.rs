//! What one function may use of the machine, and what its instances share of that.

use std::net::SocketAddr;
use std::sync::Arc;

use super::dir::FileContext;
use super::dir::granted::GrantedFolders;
use super::net::addresses::FoundAddresses;
use crate::function::Capability;
use crate::function::capability::GrantedAccess;
use crate::plugin::host::lane::Lane;

/// What one function may use: what it was granted of what it says it needs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grants {
    pub(crate) capabilities: Vec<Capability>,
    pub(in crate::plugin) folders: Arc<GrantedFolders>,
    found: Arc<FoundAddresses>,
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
        let folders = Arc::new(GrantedFolders::open(&capabilities));
        Ok(Self { capabilities, folders, found: Arc::default(), lane: Arc::default() })
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
        self.hosts().next().is_some()
    }

    /// Whether its instances open files or connections.
    pub(crate) fn hold_descriptors(&self) -> bool {
        self.accesses().any(|access| access != GrantedAccess::Nothing)
    }

    /// What calls may block on, for people.
    pub(in crate::plugin) fn places(&self) -> String {
        let shown = self.accesses().filter_map(|access| match access {
            GrantedAccess::Folder { path, .. } => Some(path.display().to_string()),
            GrantedAccess::Host { host, .. } => Some(host.to_owned()),
            GrantedAccess::Nothing => None,
        });
        shown.collect::<Vec<_>>().join(", ")
    }

    fn hosts(&self) -> impl Iterator<Item = (&str, u16)> {
        self.accesses().filter_map(|access| match access {
            GrantedAccess::Host { host, port } => Some((host, port)),
            _ => None,
        })
    }

    /// Whether the guest may ask for the addresses of `name`.
    pub(in crate::plugin) fn may_resolve(&self, name: &str) -> bool {
        self.hosts().any(|(host, _)| host.eq_ignore_ascii_case(name))
    }

    /// Whether the guest may connect to an address.
    pub(in crate::plugin) async fn may_connect(
        &self,
        address: SocketAddr,
        context: Option<&Arc<FileContext>>,
    ) -> bool {
        match context {
            Some(context) => self.found.admit(self.hosts(), address, context).await,
            None => false,
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

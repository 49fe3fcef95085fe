//! The hosts that a function was granted, and what its instances share of them.

use std::net::SocketAddr;
use std::sync::Arc;

use super::addresses::FoundAddresses;
use crate::function::Capability;
use crate::function::capability::GrantedAccess;
use crate::plugin::capabilities::dir::FileContext;

/// Names or addresses with their ports, and the addresses that were found for the names.
#[derive(Debug, Default)]
pub(in crate::plugin) struct GrantedHosts {
    hosts: Vec<(String, u16)>,
    found: FoundAddresses,
}

impl GrantedHosts {
    /// Takes the hosts among capabilities.
    pub(in crate::plugin) fn of(capabilities: &[Capability]) -> Self {
        let hosts = capabilities.iter().filter_map(|capability| match capability.access() {
            GrantedAccess::Host { host, port } => Some((host.to_owned(), port)),
            _ => None,
        });
        Self { hosts: hosts.collect(), found: FoundAddresses::default() }
    }

    pub(in crate::plugin) fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// Whether the guest may ask for the addresses of `name`.
    pub(in crate::plugin) fn may_resolve(&self, name: &str) -> bool {
        self.hosts.iter().any(|(host, _)| host.eq_ignore_ascii_case(name))
    }

    /// Whether the guest may connect to an address.
    pub(in crate::plugin) async fn may_connect(
        &self,
        address: SocketAddr,
        context: Option<&Arc<FileContext>>,
    ) -> bool {
        match context {
            Some(context) => self.found.admit(&self.hosts, address, context).await,
            None => false,
        }
    }
}

//! The network as one guest sees it.

use std::collections::HashMap;
use std::sync::Arc;

use wasmtime::component::HasData;
use wasmtime_wasi::p2::SocketError;
use wasmtime_wasi::sockets::WasiSocketsCtxView;

use super::granted::GrantedHosts;
use crate::function::capability::{Grant, Net};
use crate::plugin::capabilities::dir::FileContext;
use crate::plugin::host::resources::Charge;
use crate::plugin::undeclared::UndeclaredCalls;

/// The network as the linker names it.
pub(in crate::plugin) struct GrantedNetwork;

impl HasData for GrantedNetwork {
    type Data<'a> = GuestNetwork<'a>;
}

/// The host's side of `wasi:sockets` for one instance.
pub(in crate::plugin) struct GuestNetwork<'a> {
    pub(in crate::plugin) sockets: WasiSocketsCtxView<'a>,
    pub(in crate::plugin) hosts: &'a GrantedHosts,
    pub(in crate::plugin) undeclared: &'a UndeclaredCalls,
    /// None if it was granted nothing that takes anything of the host.
    pub(in crate::plugin) context: Option<&'a Arc<FileContext>>,
    /// By their handles.
    pub(in crate::plugin) connections: &'a mut HashMap<u32, Connection>,
}

impl GuestNetwork<'_> {
    /// Ends the call if the function did not declare that it uses the network, and that is a fault.
    pub(super) fn check_declared(&self) -> Result<(), SocketError> {
        if !self.hosts.is_empty() {
            return Ok(());
        }
        self.undeclared.check(Net::NAME).map_err(SocketError::trap)
    }
}

/// What one connection takes.
pub(in crate::plugin) struct Connection {
    pub(super) _descriptor: Charge,
    pub(super) _unsent: Charge,
}

//! Whether a function may open connections, and to which addresses.

use std::sync::Arc;

use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::sockets::SocketAddrUse;

use super::granted::GrantedHosts;
use crate::plugin::capabilities::dir::FileContext;

/// Refuses all connections.
pub(in crate::plugin) fn withhold(wasi: &mut WasiCtxBuilder) {
    wasi.allow_tcp(false).allow_udp(false);
}

/// Allows TCP connections to what was granted.
pub(in crate::plugin) fn give(
    wasi: &mut WasiCtxBuilder,
    hosts: &Arc<GrantedHosts>,
    context: Option<&Arc<FileContext>>,
) {
    let (hosts, context) = (hosts.clone(), context.cloned());
    wasi.allow_tcp(true).allow_ip_name_lookup(true).socket_addr_check(move |address, purpose| {
        let (hosts, context) = (hosts.clone(), context.clone());
        Box::pin(async move {
            match purpose {
                SocketAddrUse::TcpConnect => hosts.may_connect(address, context.as_ref()).await,
                // As the system does for a connection.
                SocketAddrUse::TcpBind => address.ip().is_unspecified() && address.port() == 0,
                _ => false,
            }
        })
    });
}

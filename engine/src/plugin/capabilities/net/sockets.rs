//! Guests' connections: each takes a descriptor, and what is still to be sent.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily};
use wasmtime_wasi::p2::bindings::sockets::{tcp_create_socket, udp_create_socket};
use wasmtime_wasi::p2::{SocketError, TcpSocket, UdpSocket};

use super::guest::{Connection, GrantedNetwork, GuestNetwork};
use crate::plugin::host::resources::{HANDLES, Resource as Held};

/// What wasmtime-wasi holds of a connection that takes nothing, in bytes.
const UNSENT: usize = 64 << 10;

/// The most handles that a guest has of one connection: of its socket and its two streams, and to wait for each.
const HANDLES_EACH: usize = 6;

/// The interface that has sockets, as wasmtime-wasi names it.
const TCP: &str = "wasi:sockets/tcp@0.2.12";

/// Puts the making and the end of sockets in the place of wasmtime-wasi's own.
pub(in crate::plugin) fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    network: fn(&mut T) -> GuestNetwork<'_>,
) -> wasmtime::Result<()> {
    tcp_create_socket::add_to_linker::<T, GrantedNetwork>(linker, network)?;
    udp_create_socket::add_to_linker::<T, GrantedNetwork>(linker, network)?;
    let end = move |mut store: StoreContextMut<'_, T>, handle| {
        let mut network = network(store.data_mut());
        network.sockets.table.delete(Resource::<TcpSocket>::new_own(handle))?;
        network.connections.remove(&handle);
        network.allow_handles();
        Ok(())
    };
    linker.instance(TCP)?.resource("tcp-socket", ResourceType::host::<TcpSocket>(), end)
}

impl GuestNetwork<'_> {
    /// Lets the guest have all handles of its connections beside its others: how many a connection needs depends on
    /// what the guest had to wait for.
    fn allow_handles(&mut self) {
        self.sockets.table.set_max_capacity(HANDLES + HANDLES_EACH * self.connections.len());
    }
}

impl tcp_create_socket::Host for GuestNetwork<'_> {
    fn create_tcp_socket(&mut self, family: IpAddressFamily) -> Result<Resource<TcpSocket>, SocketError> {
        self.check_declared()?;
        let context = self.context.ok_or(ErrorCode::AccessDenied)?;
        let charge = |held, count| context.charge(held, count).map_err(|_| ErrorCode::NewSocketLimit);
        let connection = Connection {
            _descriptor: charge(Held::Descriptors, 1)?,
            _unsent: charge(Held::Buffers, UNSENT)?,
        };
        let socket = self.sockets.create_tcp_socket(family)?;
        self.connections.insert(socket.rep(), connection);
        self.allow_handles();
        Ok(socket)
    }
}

/// Datagrams are never granted: a socket for them can be made, and bound to nothing.
impl udp_create_socket::Host for GuestNetwork<'_> {
    async fn create_udp_socket(
        &mut self,
        family: IpAddressFamily,
    ) -> Result<Resource<UdpSocket>, SocketError> {
        self.check_declared()?;
        self.sockets.create_udp_socket(family).await
    }
}

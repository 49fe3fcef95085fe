//! Guests' connections: each takes a descriptor, and what is still to be sent.

use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily};
use wasmtime_wasi::p2::bindings::sockets::tcp_create_socket;
use wasmtime_wasi::p2::{SocketError, TcpSocket};
use wasmtime_wasi::sockets::WasiSocketsView;

use crate::plugin::capabilities::net::names::{GrantedNames, Names};
use crate::plugin::host::resources::{Charge, Resource as Held};
use crate::plugin::sandbox::{HANDLES, Sandbox};

/// What wasmtime-wasi holds of a connection that takes nothing, in bytes.
const UNSENT: usize = 64 << 10;

/// The most handles that a guest has of one connection: of its socket and its two streams, and to wait for each.
const HANDLES_EACH: usize = 6;

/// The interface that has sockets, as wasmtime-wasi names it.
const TCP: &str = "wasi:sockets/tcp@0.2.12";

/// What one connection takes.
pub(in crate::plugin) struct Connection {
    _descriptor: Charge,
    _unsent: Charge,
}

/// Puts the making and the end of sockets in the place of wasmtime-wasi's own.
pub(in crate::plugin) fn add_to_linker(linker: &mut Linker<Sandbox>) -> wasmtime::Result<()> {
    tcp_create_socket::add_to_linker::<Sandbox, GrantedNames>(linker, Sandbox::names)?;
    linker.instance(TCP)?.resource("tcp-socket", ResourceType::host::<TcpSocket>(), |mut store, handle| {
        let sandbox = store.data_mut();
        sandbox.table.delete(Resource::<TcpSocket>::new_own(handle))?;
        sandbox.connections.remove(&handle);
        sandbox.allow_handles();
        Ok(())
    })
}

impl Sandbox {
    /// Lets the guest have all handles of its connections beside its others: how many a connection needs depends on
    /// what the guest had to wait for.
    fn allow_handles(&mut self) {
        self.table.set_max_capacity(HANDLES + HANDLES_EACH * self.connections.len());
    }
}

impl tcp_create_socket::Host for Names<'_> {
    fn create_tcp_socket(&mut self, family: IpAddressFamily) -> Result<Resource<TcpSocket>, SocketError> {
        let context = self.0.context.clone().ok_or(ErrorCode::AccessDenied)?;
        let charge = |held, count| context.charge(held, count).map_err(|_| ErrorCode::NewSocketLimit);
        let connection = Connection {
            _descriptor: charge(Held::Descriptors, 1)?,
            _unsent: charge(Held::Buffers, UNSENT)?,
        };
        let socket = WasiSocketsView::sockets(&mut *self.0).create_tcp_socket(family)?;
        self.0.connections.insert(socket.rep(), connection);
        self.0.allow_handles();
        Ok(socket)
    }
}

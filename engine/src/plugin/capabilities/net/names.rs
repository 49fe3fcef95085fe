//! Names of hosts: a guest may ask for those that it was granted, and to look one up blocks a thread of its function.

use std::future::{Future, poll_fn};
use std::net::{IpAddr, ToSocketAddrs};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::sockets::ip_name_lookup::{self, ResolveAddressStream};
use wasmtime_wasi::p2::bindings::sockets::network::{self, ErrorCode, IpAddress};
use wasmtime_wasi::p2::{DynPollable, Network, Pollable, SocketError, subscribe};

use super::guest::GuestNetwork;
use crate::plugin::host::resources::{Charge, Resource as Held};

/// More addresses of a name than anybody tries.
const ADDRESSES: usize = 256;

/// What they take, in bytes.
const BYTES: usize = 16 << 10;

/// The addresses of `host`. It blocks.
pub(in crate::plugin) fn look_up(host: &str) -> Option<Vec<IpAddr>> {
    let found = (host, 0).to_socket_addrs().ok()?;
    Some(found.map(|address| address.ip().to_canonical()).take(ADDRESSES).collect())
}

/// Addresses that are being looked for, and that the guest takes one by one.
struct Addresses {
    state: Lookup,
    _charge: Charge,
}

enum Lookup {
    Waiting(Pin<Box<dyn Future<Output = Option<Vec<IpAddr>>> + Send>>),
    Found(std::vec::IntoIter<IpAddr>),
    Unknown,
}

impl Addresses {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Lookup::Waiting(work) = &mut self.state {
            self.state = match work.as_mut().poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(found)) => Lookup::Found(found.into_iter()),
                Poll::Ready(None) => Lookup::Unknown,
            };
        }
        Poll::Ready(())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Addresses {
    async fn ready(&mut self) {
        poll_fn(|cx| self.poll(cx)).await;
    }
}

impl network::Host for GuestNetwork<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> wasmtime::Result<ErrorCode> {
        self.sockets.convert_error_code(error)
    }

    fn network_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        self.sockets.network_error_code(error)
    }
}

impl network::HostNetwork for GuestNetwork<'_> {
    fn drop(&mut self, network: Resource<Network>) -> wasmtime::Result<()> {
        network::HostNetwork::drop(&mut self.sockets, network)
    }
}

impl ip_name_lookup::Host for GuestNetwork<'_> {
    fn resolve_addresses(
        &mut self,
        network: Resource<Network>,
        name: String,
    ) -> Result<Resource<ResolveAddressStream>, SocketError> {
        self.sockets.table.get(&network)?;
        self.check_declared()?;
        let Some(context) = self.context.cloned().filter(|_| self.hosts.may_resolve(&name)) else {
            return Err(ErrorCode::AccessDenied.into());
        };
        let charge = context.charge(Held::Buffers, BYTES).map_err(|_| ErrorCode::OutOfMemory)?;
        let state =
            match name.parse() {
                Ok(address) => Lookup::Found(vec![address].into_iter()),
                Err(_) => Lookup::Waiting(Box::pin(async move {
                    context.on_thread(move || look_up(&name)).await.flatten()
                })),
            };
        let mut addresses = Addresses { state, _charge: charge };
        // It is looked for from now on.
        let _ = addresses.poll(&mut Context::from_waker(Waker::noop()));
        // What the bindings call a stream of addresses is ours in the table.
        Ok(Resource::new_own(self.sockets.table.push(addresses)?.rep()))
    }
}

impl ip_name_lookup::HostResolveAddressStream for GuestNetwork<'_> {
    fn resolve_next_address(
        &mut self,
        stream: Resource<ResolveAddressStream>,
    ) -> Result<Option<IpAddress>, SocketError> {
        let addresses = self.sockets.table.get_mut(&Resource::<Addresses>::new_borrow(stream.rep()))?;
        let _ = addresses.poll(&mut Context::from_waker(Waker::noop()));
        match &mut addresses.state {
            Lookup::Waiting(_) => Err(ErrorCode::WouldBlock.into()),
            Lookup::Found(found) => Ok(found.next().map(Into::into)),
            Lookup::Unknown => Err(ErrorCode::NameUnresolvable.into()),
        }
    }

    fn subscribe(
        &mut self,
        stream: Resource<ResolveAddressStream>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.sockets.table, Resource::<Addresses>::new_borrow(stream.rep()))
    }

    fn drop(&mut self, stream: Resource<ResolveAddressStream>) -> wasmtime::Result<()> {
        self.sockets.table.delete(Resource::<Addresses>::new_own(stream.rep()))?;
        Ok(())
    }
}

//! The handles that a program holds, by what they are. They go in the order in which the host lets them.

use wasip2::filesystem::types::{Descriptor, DirectoryEntryStream};
use wasip2::io::error::Error;
use wasip2::io::poll::Pollable;
use wasip2::io::streams::{InputStream, OutputStream};
use wasip2::sockets::ip_name_lookup::ResolveAddressStream;
use wasip2::sockets::network::Network;
use wasip2::sockets::tcp::TcpSocket;
use wasip2::sockets::udp::{IncomingDatagramStream, OutgoingDatagramStream, UdpSocket};

use crate::program::Program;

#[derive(Default)]
pub(crate) struct Held {
    pub(crate) pollables: Vec<Pollable>,
    pub(crate) errors: Vec<Error>,
    pub(crate) inputs: Vec<InputStream>,
    pub(crate) outputs: Vec<OutputStream>,
    pub(crate) entries: Vec<DirectoryEntryStream>,
    pub(crate) incoming: Vec<IncomingDatagramStream>,
    pub(crate) outgoing: Vec<OutgoingDatagramStream>,
    pub(crate) names: Vec<ResolveAddressStream>,
    pub(crate) descriptors: Vec<Descriptor>,
    pub(crate) tcp: Vec<TcpSocket>,
    pub(crate) udp: Vec<UdpSocket>,
    pub(crate) networks: Vec<Network>,
    /// What was read, as far as it is text.
    pub(crate) seen: Vec<u8>,
}

impl Held {
    pub(crate) fn sees(&mut self, bytes: &[u8]) {
        let room = SEEN - self.seen.len().min(SEEN);
        self.seen
            .extend(bytes.iter().take(room).map(|byte| if byte.is_ascii_graphic() { *byte } else { b' ' }));
    }
}

/// So much of what was read is kept.
const SEEN: usize = 64 << 10;

/// The handle that the program's next byte stands for, if any is held.
pub(crate) fn pick<'h, T>(program: &mut Program, held: &'h [T]) -> Option<&'h T> {
    let byte = usize::from(program.byte());
    held.get(byte % held.len().max(1))
}

/// Takes that handle out.
fn take<T>(program: &mut Program, held: &mut Vec<T>) -> Option<T> {
    let byte = usize::from(program.byte());
    (!held.is_empty()).then(|| held.swap_remove(byte % held.len()))
}

/// Gives a handle back, while others may depend on it.
pub(crate) fn gives_back(program: &mut Program, held: &mut Held) {
    match program.byte() % 12 {
        0 => drop(take(program, &mut held.pollables)),
        1 => drop(take(program, &mut held.errors)),
        2 => drop(take(program, &mut held.inputs)),
        3 => drop(take(program, &mut held.outputs)),
        4 => drop(take(program, &mut held.entries)),
        5 => drop(take(program, &mut held.incoming)),
        6 => drop(take(program, &mut held.outgoing)),
        7 => drop(take(program, &mut held.names)),
        8 => drop(take(program, &mut held.descriptors)),
        9 => drop(take(program, &mut held.tcp)),
        10 => drop(take(program, &mut held.udp)),
        _ => drop(take(program, &mut held.networks)),
    }
}

/// Forgets all handles, which stay the instance's.
pub(crate) fn forgets(_: &mut Program, held: &mut Held) {
    std::mem::forget(std::mem::take(held));
}

/// Handles that are none, or that are something else's.
pub(crate) fn forges(program: &mut Program, held: &mut Held) {
    let handle = match program.byte() {
        255 => u32::MAX,
        byte => u32::from(byte % 16),
    };
    // SAFETY: none; the host has to see that the handle is none of this kind.
    unsafe {
        match program.byte() % 6 {
            0 => held.pollables.push(Pollable::from_handle(handle)),
            1 => held.inputs.push(InputStream::from_handle(handle)),
            2 => held.outputs.push(OutputStream::from_handle(handle)),
            3 => held.descriptors.push(Descriptor::from_handle(handle)),
            4 => held.tcp.push(TcpSocket::from_handle(handle)),
            _ => held.networks.push(Network::from_handle(handle)),
        }
    }
}

//! Connections: to an address that may be granted, and all others.

use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::ip_name_lookup::resolve_addresses;
use wasip2::sockets::network::{IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress};
use wasip2::sockets::tcp::ShutdownType;
use wasip2::sockets::tcp_create_socket::create_tcp_socket;
use wasip2::sockets::udp::OutgoingDatagram;
use wasip2::sockets::udp_create_socket::create_udp_socket;

use crate::held::{Held, pick};
use crate::program::Program;
use crate::{Call, ignore};

pub(crate) const ALL: &[Call] = &[
    finds_network,
    makes_socket,
    makes_socket,
    begins,
    begins,
    finishes,
    finishes,
    watches,
    asks,
    sets,
    shuts_down,
    sends_datagrams,
    resolves,
];

fn address(program: &mut Program) -> IpSocketAddress {
    let host = program.one_of(&[
        (127, 0, 0, 1),
        (127, 0, 0, 1),
        (0, 0, 0, 0),
        (127, 0, 0, 2),
        (10, 0, 0, 1),
        (255, 255, 255, 255),
    ]);
    let port = program.port();
    match program.byte() % 8 {
        0 => {
            let address = (0, 0, 0, 0, 0, 0, 0, 1);
            IpSocketAddress::Ipv6(Ipv6SocketAddress { port, flow_info: 0, address, scope_id: 0 })
        }
        1 => {
            let address = (0, 0, 0, 0, 0, 0xffff, 0x7f00, 1);
            IpSocketAddress::Ipv6(Ipv6SocketAddress { port, flow_info: 0, address, scope_id: 0 })
        }
        _ => IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address: host }),
    }
}

fn family(program: &mut Program) -> IpAddressFamily {
    program.one_of(&[IpAddressFamily::Ipv4, IpAddressFamily::Ipv4, IpAddressFamily::Ipv6])
}

fn finds_network(_: &mut Program, held: &mut Held) {
    held.networks.push(instance_network());
}

fn makes_socket(program: &mut Program, held: &mut Held) {
    match program.byte() % 4 {
        0 => held.udp.extend(create_udp_socket(family(program))),
        _ => held.tcp.extend(create_tcp_socket(family(program))),
    }
}

fn begins(program: &mut Program, held: &mut Held) {
    let Some(network) = pick(program, &held.networks) else { return };
    let action = program.byte() % 8;
    if action == 0 {
        if let Some(socket) = pick(program, &held.udp) {
            ignore(socket.start_bind(network, address(program)));
        }
        return;
    }
    let Some(socket) = pick(program, &held.tcp) else { return };
    let result = match action {
        1 => socket.start_bind(network, address(program)),
        2 => socket.start_listen(),
        _ => socket.start_connect(network, address(program)),
    };
    ignore(result);
}

fn finishes(program: &mut Program, held: &mut Held) {
    let Some(socket) = pick(program, &held.tcp) else { return };
    match program.byte() % 6 {
        0 => ignore(socket.finish_bind()),
        1 => ignore(socket.finish_listen()),
        2 => {
            if let Ok((accepted, input, output)) = socket.accept() {
                held.inputs.push(input);
                held.outputs.push(output);
                held.tcp.push(accepted);
            }
        }
        _ => {
            // A connection takes its time.
            let connected = socket.subscribe();
            connected.block();
            drop(connected);
            if let Ok((input, output)) = socket.finish_connect() {
                held.inputs.push(input);
                held.outputs.push(output);
            }
        }
    }
}

fn watches(program: &mut Program, held: &mut Held) {
    match program.byte() % 3 {
        0 => held.pollables.extend(pick(program, &held.udp).map(|socket| socket.subscribe())),
        1 => held.pollables.extend(pick(program, &held.names).map(|names| names.subscribe())),
        _ => held.pollables.extend(pick(program, &held.tcp).map(|socket| socket.subscribe())),
    }
}

fn asks(program: &mut Program, held: &mut Held) {
    let Some(socket) = pick(program, &held.tcp) else { return };
    match program.byte() % 8 {
        0 => ignore(socket.local_address()),
        1 => ignore(socket.remote_address()),
        2 => ignore(socket.is_listening()),
        3 => ignore(socket.address_family()),
        4 => ignore(socket.keep_alive_enabled()),
        5 => ignore(socket.keep_alive_idle_time()),
        6 => ignore(socket.hop_limit()),
        _ => ignore(socket.receive_buffer_size()),
    }
}

fn sets(program: &mut Program, held: &mut Held) {
    let Some(socket) = pick(program, &held.tcp) else { return };
    let value = program.size();
    let result = match program.byte() % 7 {
        0 => socket.set_listen_backlog_size(value),
        1 => socket.set_keep_alive_enabled(value > 0),
        2 => socket.set_keep_alive_idle_time(value),
        3 => socket.set_keep_alive_count(value as u32),
        4 => socket.set_hop_limit(value as u8),
        5 => socket.set_receive_buffer_size(value),
        _ => socket.set_send_buffer_size(value),
    };
    ignore(result);
}

fn shuts_down(program: &mut Program, held: &mut Held) {
    let how = program.one_of(&[ShutdownType::Receive, ShutdownType::Send, ShutdownType::Both]);
    if let Some(socket) = pick(program, &held.tcp) {
        ignore(socket.shutdown(how));
    }
}

fn sends_datagrams(program: &mut Program, held: &mut Held) {
    if program.one_in(2)
        && let Some(socket) = pick(program, &held.udp)
    {
        ignore(socket.finish_bind());
        let remote = program.one_in(2).then(|| address(program));
        if let Ok((incoming, outgoing)) = socket.stream(remote) {
            held.incoming.push(incoming);
            held.outgoing.push(outgoing);
        }
    }
    if let Some(incoming) = pick(program, &held.incoming) {
        ignore(incoming.receive(program.size()));
    }
    if let Some(outgoing) = pick(program, &held.outgoing) {
        let permit = outgoing.check_send();
        let remote_address = program.one_in(2).then(|| address(program));
        let count = program.size().min(1000) as usize;
        let list: Vec<_> =
            (0..count).map(|_| OutgoingDatagram { data: b"x".to_vec(), remote_address }).collect();
        ignore((permit, outgoing.send(&list)));
    }
}

fn resolves(program: &mut Program, held: &mut Held) {
    if program.one_in(2)
        && let Some(network) = pick(program, &held.networks)
    {
        let name = program.one_of(&["127.0.0.1", "localhost", "example.org", "", "a\0b"]);
        held.names.extend(resolve_addresses(network, name));
    }
    if let Some(names) = pick(program, &held.names) {
        ignore(names.resolve_next_address());
    }
}

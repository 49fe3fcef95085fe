//! Attacks over the network.

use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};

use crate::calls::{call, calls};
use crate::stand_in::Try;

/// Each is true if it succeeded.
pub(super) const ATTACKS: &[(&str, Try)] = &[
    ("connect by TCP", |role| TcpStream::connect(&role.tcp).is_ok()),
    ("listen", |_| std::net::TcpListener::bind("127.0.0.1:0").is_ok()),
    ("send by UDP", |role| {
        UdpSocket::bind("127.0.0.1:0").is_ok_and(|socket| socket.send_to(b"1", &role.tcp).is_ok())
    }),
    ("connect to a local socket", |role| UnixStream::connect(&role.socket).is_ok()),
    ("open a raw socket", |_| {
        call(libc::SYS_socket, [libc::AF_INET.into(), libc::SOCK_RAW.into(), 1, 0, 0, 0])
    }),
    ("connect by another protocol", |role| {
        let socket = calls(libc::SYS_socket, [libc::AF_INET.into(), libc::SOCK_STREAM.into(), 262, 0, 0, 0]);
        let address = address_of(&role.tcp);
        socket >= 0 && call(libc::SYS_connect, [socket, address.as_ptr() as i64, 16, 0, 0, 0])
    }),
    ("connect while sending", |role| {
        let socket = calls(libc::SYS_socket, [libc::AF_INET.into(), libc::SOCK_STREAM.into(), 0, 0, 0, 0]);
        let (address, flags) = (address_of(&role.tcp), libc::MSG_FASTOPEN.into());
        socket >= 0
            && call(libc::SYS_sendto, [socket, c"1".as_ptr() as i64, 1, flags, address.as_ptr() as i64, 16])
    }),
    ("send to a local socket", |role| {
        UnixDatagram::pair().is_ok_and(|(one, _)| one.send_to(b"1", &role.datagrams).is_ok())
    }),
];

/// An address of IPv4 as the kernel takes it.
fn address_of(text: &str) -> [u8; 16] {
    let address: std::net::SocketAddrV4 = text.parse().expect("an address");
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
    bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
    bytes[4..8].copy_from_slice(&address.ip().octets());
    bytes
}

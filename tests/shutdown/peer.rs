//! A peer of the network that reads nothing.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use tokio::net::TcpSocket;

/// A peer that sends only this, and the connections that it has accepted.
pub(super) fn peer(greeting: &'static str) -> (String, Receiver<TcpStream>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let listener: TcpListener = runtime.block_on(async {
        let socket = TcpSocket::new_v4().unwrap();
        // Small buffers: what it does not read soon has no room.
        socket.set_recv_buffer_size(4096).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        socket.listen(64).unwrap().into_std().unwrap()
    });
    listener.set_nonblocking(false).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (accepted, connections) = channel();
    thread::spawn(move || {
        while let Ok((mut connection, _)) = listener.accept() {
            let _ = connection.write_all(greeting.as_bytes());
            if accepted.send(connection).is_err() {
                return;
            }
        }
    });
    (address, connections)
}

//! Peers over connections in memory: they say anything, in any pieces, read or not, and go or stall. For fuzzing.

use std::time::Duration;

use tokio::io::{AsyncWriteExt, DuplexStream, copy, duplex, sink, split};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Message, protocol::Role};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::connectors::LARGEST_BODY;
use crate::connectors::websocket::{config, is_open, send};
use crate::deadlines::{CLOSE, HANDSHAKE, Timely, WRITE};
use crate::{CancellationToken, Source, sinks};

/// No deadline is longer, and a peer meets a few of them.
const END: Duration = Duration::from_secs(3600);

/// What a connection holds.
const ROOM: usize = 4 << 10;

/// A client of the source `http`: it is served to an end, and brings no more than its requests may.
pub fn http_peer(bytes: &[u8]) {
    let Some(peer) = Peer::of(bytes) else { return };
    let records = peer.meets(crate::connectors::serve_one);
    let brought: usize = records.iter().map(bytes::Bytes::len).sum();
    // A compressed body may bring more than was sent, and each request takes more than a byte.
    assert!(brought <= peer.said.len() * LARGEST_BODY, "{brought} bytes of {}", peer.said.len());
}

/// A server of WebSockets: the source and the sink come to an end, and no more comes than was sent.
pub fn websocket_peer(bytes: &[u8]) {
    let Some(peer) = Peer::of(bytes) else { return };
    let shakes_hands = peer.shakes_hands;
    // What comes by itself is waited for, so that a source would be stopped, not left.
    let going = Peer { goes: true, ..peer };
    let messages = going.meets(move |connection| messages(connection, shakes_hands));
    let came: usize = messages.iter().map(Vec::len).sum();
    assert!(came <= going.said.len(), "{came} bytes of {}", going.said.len());
    Peer { goes: peer.goes, ..going }.meets(sends);
}

/// How a peer behaves, by the first byte, and what it says.
struct Peer<'b> {
    reads: bool,
    goes: bool,
    shakes_hands: bool,
    piece: usize,
    said: &'b [u8],
}

impl<'b> Peer<'b> {
    fn of(bytes: &'b [u8]) -> Option<Self> {
        let (how, said) = bytes.split_first()?;
        let bit = |bit: u8| how & (1 << bit) != 0;
        let piece = [1, 7, 100, ROOM][usize::from(how >> 6)];
        Some(Self { reads: bit(0), goes: bit(1), shakes_hands: bit(2), piece, said })
    }

    /// What comes of the other side of its connection, which must come to an end.
    fn meets<F: Future<Output: Send + 'static> + Send + 'static>(
        &self,
        serve: impl FnOnce(DuplexStream) -> F,
    ) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("it needs nothing").block_on(async {
            let (ours, theirs) = duplex(ROOM);
            let serving = tokio::spawn(serve(ours));
            tokio::select! {
                served = timeout(END, serving) => served.expect("it ends").expect("it does not panic"),
                never = self.acts(theirs) => never,
            }
        })
    }

    /// Says what it has to say, and then is there no more, or for ever.
    async fn acts<T>(&self, connection: DuplexStream) -> T {
        let (mut hears, mut says) = split(connection);
        let hearing = async {
            if self.reads {
                let _ = copy(&mut hears, &mut sink()).await;
            }
        };
        let saying = async {
            for piece in self.said.chunks(self.piece) {
                if says.write_all(piece).await.is_err() {
                    return;
                }
                tokio::task::yield_now().await;
            }
            if self.goes {
                let _ = says.shutdown().await;
            }
        };
        tokio::join!(saying, hearing);
        std::future::pending().await
    }
}

/// Reads what a server of WebSockets says, from the handshake on or after it, as the source does.
async fn messages(connection: DuplexStream, shakes_hands: bool) -> Vec<Vec<u8>> {
    let source = Source::new();
    let (sink, list) = sinks::list();
    source.stream().sink(sink);
    if let Some(mut socket) = socket(connection, shakes_hands, 0).await {
        let _ = crate::connectors::websocket::messages(&mut socket, &source, &CancellationToken::new()).await;
    }
    let _ = source.close().await;
    list.take()
}

/// Sends messages to a server of WebSockets, and closes the connection.
async fn sends(connection: DuplexStream) {
    let Some(mut socket) = socket(connection, false, 64 << 10).await else { return };
    for _ in 0..4 {
        let messages = [Message::text("x"), Message::binary(vec![b'x'; 40 << 10])];
        if !is_open(&mut socket).await || send(&mut socket, messages.into_iter()).await.is_err() {
            return;
        }
    }
    let _ = CLOSE.within("peer", socket.close(None)).await;
}

async fn socket(
    connection: DuplexStream,
    shakes_hands: bool,
    written: usize,
) -> Option<WebSocketStream<Timely<DuplexStream>>> {
    let connection = Timely::new(connection, "peer", WRITE);
    if !shakes_hands {
        return Some(WebSocketStream::from_raw_socket(connection, Role::Client, Some(config(written))).await);
    }
    let shaking = client_async_with_config("ws://peer/", connection, Some(config(written)));
    Some(HANDSHAKE.within("peer", shaking).await.ok()?.ok()?.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The seeds of a fuzz target.
    fn seeds(target: &str) -> Vec<Vec<u8>> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
        let files = std::fs::read_dir(folder).unwrap();
        files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }

    #[test]
    fn every_seed_of_peer_scripts_ends() {
        for how in 0..=u8::MAX {
            let behaves = |mut seed: Vec<u8>| {
                seed[0] = how;
                seed
            };
            // The higher bits only cut it.
            if how & 0b11_1000 == 0 {
                seeds("http_peer").into_iter().map(behaves).for_each(|bytes| http_peer(&bytes));
                seeds("websocket_peer").into_iter().map(behaves).for_each(|bytes| websocket_peer(&bytes));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn random_peer_scripts_end(bytes: Vec<u8>, seed: prop::sample::Index, place: prop::sample::Index) {
            http_peer(&bytes);
            websocket_peer(&bytes);
            for target in ["http_peer", "websocket_peer"] {
                let seeds = seeds(target);
                let mut damaged = seeds[seed.index(seeds.len())].clone();
                let place = place.index(damaged.len());
                damaged.splice(place.., bytes.iter().copied());
                if target == "http_peer" { http_peer(&damaged) } else { websocket_peer(&damaged) }
            }
        }
    }
}

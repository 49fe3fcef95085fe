//! A WebSocket server sends anything and stalls at any point: the source and the sink end, and nothing arrives that
//! was not sent.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| engine::fuzzing::websocket_peer(bytes));

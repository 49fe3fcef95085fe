//! A server of WebSockets says anything and stalls at any point: the source and the sink come to an end, and no more
//! comes than was sent.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| engine::fuzzing::websocket_peer(bytes));

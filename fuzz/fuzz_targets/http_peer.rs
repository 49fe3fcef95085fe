//! A client of the source `http` sends anything and stalls at any point: its connection ends, and nothing arrives
//! that it did not send.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| engine::fuzzing::http_peer(bytes));

//! A client of the source `http` says anything and stalls at any point: it is served to an end, and brings no more
//! than it has sent.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| engine::fuzzing::http_peer(bytes));

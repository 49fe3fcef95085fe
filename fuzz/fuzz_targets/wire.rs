//! A message of a cluster is read, or it is refused; and what was read is the same when it is written again.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| engine::fuzzing::wire(bytes));

//! A checkpoint is one, or it is refused; and one that is read is the same when it is written again.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| engine::fuzzing::checkpoint(bytes));

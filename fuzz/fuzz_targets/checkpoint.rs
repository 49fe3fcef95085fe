//! A checkpoint is read or refused; one that was read is the same after it is written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| engine::fuzzing::checkpoint(bytes));

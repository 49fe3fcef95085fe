//! Any bytes are read as a pipeline file, and each diagnostic has a position in it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| engine::fuzzing::pipeline(text));

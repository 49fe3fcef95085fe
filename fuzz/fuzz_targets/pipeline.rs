//! Whatever stands in a pipeline file, it is read, and each mistake is one of a place in it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| engine::fuzzing::pipeline(text));

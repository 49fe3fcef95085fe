//! Property tests whose failures can be repeated.

use proptest::test_runner::{Config as ProptestConfig, RngAlgorithm, TestRng, TestRunner};

/// Runs a property this many times, with the seed `ENGINE_SEED` or a new one. The seed is printed, and shown if
/// the test fails.
#[expect(clippy::print_stdout, reason = "who repeats a failure needs it")]
pub(crate) fn runner(cases: u32) -> TestRunner {
    let new = || std::hash::BuildHasher::hash_one(&std::collections::hash_map::RandomState::new(), 0);
    let given = std::env::var("ENGINE_SEED").ok();
    let seed = given.map_or_else(new, |seed| seed.parse().expect("ENGINE_SEED is a number"));
    println!("ENGINE_SEED={seed}");
    let seed = [u64::to_le_bytes(seed); 4].concat();
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
}

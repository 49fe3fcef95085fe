//! Runs that are killed or interrupted again and again.

use std::io::Read;
use std::thread;
use std::time::Duration;

use super::support::{Run, TWICE, wait_for_checkpoint};
use crate::support::{Did, fed};

/// Pseudorandom numbers, from a seed that a failure shows.
fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

#[test]
fn row_14_killed_fifty_times_a_run_matches_an_uninterrupted_one() {
    finish_despite_kills(&Run::new(TWICE, 200_000), 60_000);
}

#[test]
fn row_14_killed_fifty_times_states_match_an_uninterrupted_run() {
    finish_despite_kills(&Run::new(&["slow_loop", "total"], 60_000), 120_000);
}

#[test]
fn row_14_killed_fifty_times_states_stay_consistent() {
    finish_despite_kills(&Run::new(&["slow_loop", "total", "twice", "numbered", "same"], 60_000), 250_000);
}

#[test]
fn row_14_killed_fifty_times_each_piece_is_written_once() {
    finish_despite_kills(&Run::new(&["twice", "slow_loop"], 60_000), 60_000);
}

/// Kills it again and again, after at most this many microseconds, until it is done.
fn finish_despite_kills(run: &Run, mut longest: u64) {
    let mut seed = std::process::id().into();
    println!("seed {seed}");
    let mut killed = 0;
    while killed < 50 {
        let mut child = run.with_checkpoint(&[]).spawn().unwrap();
        // The random moment of the kill.
        thread::sleep(Duration::from_micros(random(&mut seed) % longest));
        child.kill().unwrap();
        let over = child.wait().unwrap().code().is_some();
        // It may have been done already.
        let done =
            !run.path("checkpoint").exists() && run.path("dead").exists() && !run.text("dead").is_empty();
        if over || done {
            break;
        }
        if run.path("checkpoint").exists() {
            killed += 1;
        } else {
            // A busy machine takes longer to start it.
            longest += longest / 20;
        }
    }
    assert!(killed >= 10, "it was over after {killed} kills");
    if run.path("checkpoint").exists() {
        let did: Did = fed(run.with_checkpoint(&[]), "");
        assert_eq!(did.code, Some(1), "{}", did.stderr);
    }
    run.check();
}

#[test]
fn row_15_an_interrupted_run_drains_and_resumes_later() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let run = Run::new(if signal == "-INT" { TWICE } else { &["slow_loop", "total"] }, 200_000);
        let mut child = run.with_checkpoint(&[]).spawn().unwrap();
        wait_for_checkpoint(&run, &mut child);
        let sent = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert!(sent.unwrap().success());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{said}");
        let did = fed(run.with_checkpoint(&[]), "");
        assert_eq!(did.code, Some(1), "{}", did.stderr);
        run.check();
    }
}

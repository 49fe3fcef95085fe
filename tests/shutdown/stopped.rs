//! A process that is stopped for a while, as with Ctrl-Z.

use std::fs;
use std::thread;
use std::time::Duration;

use super::run::Run;
use crate::support::{engine, function_of, hostile};

/// How much processor time it has used, in clock ticks.
fn processor_time(run: &Run) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", run.0.id())).unwrap();
    let fields = stat.rsplit(") ").next().unwrap().split(' ');
    fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

#[test]
fn time_in_which_the_process_is_stopped_is_no_time_of_a_function() {
    for (function, record) in [("slow_loop", "1500000\n"), ("sleeps", "1500\n")] {
        let mut command = engine(["run", "-q", "--timeout", "2s", "-p"]);
        command.arg(function_of(&hostile("misdeeds"), function));
        let mut run = Run::start(command);
        // Then it is loaded.
        run.feed("0\n");
        assert_eq!(run.printed::<2>(), *b"0\n");
        let before = processor_time(&run);
        run.feed(record);
        // A function that sleeps tells nothing of its begin.
        let told = function == "slow_loop";
        while told && processor_time(&run) < before + 20 {
            thread::sleep(Duration::from_millis(5));
        }
        thread::sleep(Duration::from_millis(200));
        run.signal("-STOP");
        // It is the time that is tested.
        thread::sleep(Duration::from_secs(3));
        run.signal("-CONT");
        drop(run.0.stdin.take());
        let did = run.ended();
        assert_eq!(did.code, Some(0), "{function}: {}", did.stderr);
        assert_eq!(did.stdout, record, "{function}");
    }
}

//! A run over a cluster that is fed while its results come out, so that it lasts as long as a test needs.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::spawn;
use std::time::{Duration, Instant};

use super::processes::{PATIENCE, ended, slow, slow_loop};
use crate::support::engine;
use crate::support::machines::Machine;

/// A run of records that take half a millisecond each.
pub(super) struct FedRun {
    child: Child,
    stdin: ChildStdin,
    given: usize,
    /// The outputs, and when they came.
    came: Receiver<(Vec<u8>, Instant)>,
    out: Vec<u8>,
    latest: Option<Instant>,
    longest_pause: Duration,
}

impl FedRun {
    /// Starts it on a machine.
    pub(super) fn start(machine: &Machine, url: &str, args: &[&str]) -> Self {
        let mut command = engine(["run", "-q", "-p", &slow_loop(), "--cluster", url]);
        let mut command = machine.command(command.args(args));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (sender, came) = channel();
        spawn(move || {
            let mut block = vec![0; 1 << 16];
            while let Ok(bytes @ 1..) = stdout.read(&mut block) {
                if sender.send((block[..bytes].to_vec(), Instant::now())).is_err() {
                    break;
                }
            }
        });
        let longest_pause = Duration::ZERO;
        Self { child, stdin, given: 0, came, out: Vec::new(), latest: None, longest_pause }
    }

    /// Feeds this many more records. Waits until they are taken, so give it a few thousand at most.
    pub(super) fn give(&mut self, records: usize) {
        self.stdin.write_all(slow(records).as_bytes()).unwrap();
        self.given += records;
    }

    /// Waits until this many records are out in total.
    pub(super) fn wait_for(&mut self, records: usize) {
        while self.out.len() < slow(records).len() {
            let (more, now) = self.came.recv_timeout(PATIENCE).expect("the run goes on");
            let pause = self.latest.map_or(Duration::ZERO, |latest| now - latest);
            self.longest_pause = self.longest_pause.max(pause);
            self.latest = Some(now);
            self.out.extend(more);
        }
    }

    /// Waits until exactly these are out, and the run has succeeded. Returns the longest gap between two
    /// pieces of the output.
    pub(super) fn end(mut self) -> Duration {
        self.wait_for(self.given);
        drop(self.stdin);
        assert_eq!(ended(self.child), (Some(0), String::new()));
        self.out.extend(self.came.iter().flat_map(|(more, _)| more));
        assert!(self.out == slow(self.given).as_bytes(), "{} records came out as others", self.given);
        self.longest_pause
    }
}

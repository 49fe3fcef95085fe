//! A run that tests feed and send signals to.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::support::{Did, engine};

/// A run with an open stdin.
pub(crate) struct Run(pub(super) Child);

impl Run {
    pub(super) fn start(mut command: Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command.spawn().expect("it starts"))
    }

    /// A run of a pipeline file, in its folder.
    pub(crate) fn of_file(folder: &Path, pipeline: &str, flags: &[&str]) -> Self {
        let file = folder.join("pipeline.toml");
        fs::write(&file, pipeline).unwrap();
        let mut command = engine(["run", "--quiet"]);
        command.args(flags).arg(file).current_dir(folder);
        Self::start(command)
    }

    pub(super) fn feed(&mut self, text: &str) {
        self.0.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// Waits until it handles signals, as far as that is visible.
    pub(super) fn wait_until_handled(&self, signal: u32) {
        let path = format!("/proc/{}/status", self.0.id());
        let caught = || {
            let status = fs::read_to_string(&path).unwrap();
            let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim();
            u64::from_str_radix(mask, 16).unwrap() & (1 << (signal - 1)) != 0
        };
        while !caught() {
            // The kernel reports nothing when a handler is set.
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Its next output.
    pub(super) fn printed<const BYTES: usize>(&mut self) -> [u8; BYTES] {
        let mut printed = [0; BYTES];
        self.0.stdout.as_mut().unwrap().read_exact(&mut printed).unwrap();
        printed
    }

    pub(super) fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Its peak memory, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap_or_default();
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        most.map_or(0, |most| most.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10)
    }

    /// Its result. Its stdin stays open until it has ended.
    pub(crate) fn ended(mut self) -> Did {
        let stdin = self.0.stdin.take();
        let did = self.0.wait_with_output().unwrap().into();
        drop(stdin);
        did
    }
}

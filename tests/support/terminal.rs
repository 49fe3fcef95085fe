//! A pseudo-terminal for commands, and what it shows.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::fd::AsFd;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use pty_process::Size;
use pty_process::blocking::{Command, Pty, open};
use rustix::termios::{LocalModes, Termios, tcgetattr};

/// A command on a terminal of its own, which ends with it.
pub(crate) struct Terminal {
    pub(crate) child: Child,
    keys: File,
    before: Termios,
    output: Receiver<Vec<u8>>,
    parser: vt100::Parser,
    /// All that was written to it.
    pub(crate) written: Vec<u8>,
}

impl Terminal {
    /// Runs `engine` with these arguments; all of its streams are the terminal.
    pub(crate) fn run(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        Self::start(command(args))
    }

    /// The same, but its input comes through a pipe.
    pub(crate) fn run_fed(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> (Self, ChildStdin) {
        let mut terminal = Self::start(command(args).stdin(Stdio::piped()));
        let stdin = terminal.child.stdin.take().unwrap();
        (terminal, stdin)
    }

    fn start(command: Command) -> Self {
        let (pty, pts) = open().unwrap();
        let (rows, columns) = (24, 80);
        pty.resize(Size::new(rows, columns)).unwrap();
        let before = tcgetattr(&pty).unwrap();
        let child = command.spawn(pts).unwrap();
        let keys = File::from(pty.as_fd().try_clone_to_owned().unwrap());
        let output = read(pty);
        let size = |n| NonZeroU16::new(n).unwrap();
        let parser = vt100::Parser::new(size(rows), size(columns), 100);
        Self { child, keys, before, output, parser, written: Vec::new() }
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// What is to be seen.
    pub(crate) fn shown(&self) -> String {
        self.parser.screen().contents()
    }

    /// Waits until this is to be seen.
    pub(crate) fn wait_for(&mut self, text: &str) {
        let begun = Instant::now();
        while !self.shown().contains(text) {
            let more = begun.elapsed() < Duration::from_secs(60) && self.take_more();
            assert!(more, "there is no {text:?}:\n{}", self.shown());
        }
    }

    /// Waits until this is written.
    pub(crate) fn wait_for_bytes(&mut self, bytes: &[u8]) {
        while !self.written.windows(bytes.len()).any(|window| window == bytes) {
            assert!(self.take_more(), "{}", self.shown());
        }
    }

    fn take_more(&mut self) -> bool {
        let more = self.output.recv_timeout(Duration::from_secs(60));
        more.map(|more| self.take(&more)).is_ok()
    }

    fn take(&mut self, bytes: &[u8]) {
        self.parser.process(bytes);
        self.written.extend_from_slice(bytes);
    }

    /// Whether keys go to the program as they are typed.
    pub(crate) fn is_raw(&self) -> bool {
        let modes = tcgetattr(&self.keys).unwrap().local_modes;
        !modes.intersects(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    /// Waits for the end. Returns the exit code, and what is to be seen then: on a terminal as it was before.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        while self.take_more() {}
        let now = tcgetattr(&self.keys).unwrap();
        let modes = |of: &Termios| (of.input_modes, of.output_modes, of.control_modes, of.local_modes);
        assert_eq!(modes(&now), modes(&self.before));
        assert!(!self.parser.screen().alternate_screen() && !self.parser.screen().hide_cursor());
        (code, self.shown())
    }
}

/// Kills what a failed test leaves running.
impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let command = Command::new(env!("CARGO_BIN_EXE_engine")).args(args);
    command.env_remove("CARGO_TARGET_DIR").env_remove("NO_COLOR").env("TERM", "xterm-256color")
}

/// What is written to a terminal, until all its users have closed it.
fn read(mut pty: Pty) -> Receiver<Vec<u8>> {
    let (sender, receiver) = sync_channel(1024);
    thread::spawn(move || {
        let mut block = [0; 4096];
        while let Ok(read @ 1..) = pty.read(&mut block) {
            if sender.send(block[..read].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}

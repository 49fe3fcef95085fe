//! Followed files against a model: whatever is done to a file, and however runs end, each line comes out.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::strategy::ValueTree;

use crate::support::pipelines::Files;
use crate::support::runner;

const PIPELINE: &str = "\
[sources.files]
path = 'log'
follow = true
position = 'position'

[sinks.stdout]
";

/// A run that follows the file.
struct Follower {
    child: Child,
    lines: Receiver<String>,
}

impl Follower {
    fn start(files: &Files) -> Self {
        let mut command = files.command();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { child, lines }
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Ends it with a signal. Returns the lines that came meanwhile.
    fn end(mut self, signal: &str) -> Vec<String> {
        self.signal(signal);
        let status = self.child.wait().unwrap();
        // A run that has just begun does not know signals.
        assert!(
            matches!((status.code(), status.signal()), (Some(143), _) | (None, Some(9 | 15))),
            "{status}"
        );
        self.lines.iter().collect()
    }
}

/// Kills what a failed test leaves running.
impl Drop for Follower {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is done.
#[derive(Clone, Copy, Debug)]
enum Act {
    Append(u8),
    /// The beginning of a line is written.
    Begin,
    /// The file gets another name, and an older one of this name the next. Perhaps it is compressed.
    Rotate {
        compress: bool,
    },
    /// The file is copied to the other name, and cut.
    CopyTruncate,
    /// The file is emptied and written anew, after all that was in it has come out.
    Rewrite(u8),
    Stop,
    Kill,
    Wait,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0..20_u8).prop_map(Act::Append),
        1 => Just(Act::Begin),
        3 => any::<bool>().prop_map(|compress| Act::Rotate { compress }),
        2 => Just(Act::CopyTruncate),
        3 => (0..20_u8).prop_map(Act::Rewrite),
        2 => Just(Act::Stop),
        2 => Just(Act::Kill),
        3 => Just(Act::Wait),
    ]
}

/// Writes a file compressed, as it was changed last.
fn compress_file(from: &Path, to: &Path) {
    let mut encoder = flate2::write::GzEncoder::new(File::create(to).unwrap(), flate2::Compression::fast());
    encoder.write_all(&fs::read(from).unwrap()).unwrap();
    let file = encoder.finish().unwrap();
    file.set_modified(from.metadata().unwrap().modified().unwrap()).unwrap();
}

/// The file, and what has come out of it.
struct World {
    files: Files,
    follower: Option<Follower>,
    written: u64,
    /// A line was begun.
    begun: bool,
    /// How many lines were begun and never ended.
    given_up: usize,
    out: BTreeMap<u64, usize>,
    fragments: Vec<String>,
    was_killed: bool,
    done: Vec<Act>,
}

impl World {
    fn new() -> Self {
        let files = Files::new(PIPELINE);
        let (out, done) = (BTreeMap::new(), Vec::new());
        let (written, given_up, fragments) = (0, 0, Vec::new());
        Self {
            files,
            follower: None,
            written,
            begun: false,
            given_up,
            out,
            fragments,
            was_killed: false,
            done,
        }
    }

    /// A file whose follower has begun.
    fn begun() -> Self {
        let mut world = Self::new();
        world.append(1);
        world.follower = Some(Follower::start(&world.files));
        // From here on it is known where reading began.
        while !world.files.path("position").exists() {
            std::thread::sleep(Duration::from_millis(10));
        }
        world
    }

    fn rotated(&self, number: usize) -> [PathBuf; 2] {
        ["", ".gz"].map(|end| self.files.path(&format!("log.{number}{end}")))
    }

    fn log(&self) -> File {
        OpenOptions::new().append(true).create(true).open(self.files.path("log")).unwrap()
    }

    /// The next lines, of the same length, so that files that are written anew often have the length that they had.
    fn lines(&mut self, count: u8) -> String {
        let first = self.written + 1;
        self.written += u64::from(count);
        (first..=self.written).map(|number| format!("{number:06};\n")).collect()
    }

    fn append(&mut self, count: u8) {
        let lines = self.lines(count);
        let end = if std::mem::take(&mut self.begun) { ";\n" } else { "" };
        self.log().write_all(format!("{end}{lines}").as_bytes()).unwrap();
    }

    fn begin(&mut self) {
        if !self.begun {
            self.begun = true;
            self.written += 1;
            self.log().write_all(format!("{:06}", self.written).as_bytes()).unwrap();
        }
    }

    /// A line that was begun will not be ended.
    fn give_up(&mut self) {
        if std::mem::take(&mut self.begun) {
            self.given_up += 1;
            // It does not count.
            *self.out.entry(self.written).or_default() += 1;
        }
    }

    /// Gives the older files the next names.
    fn shift(&mut self) {
        let last = (1..).find(|number| self.rotated(*number).iter().all(|path| !path.exists())).unwrap();
        for number in (1..last).rev() {
            for (from, to) in self.rotated(number).iter().zip(self.rotated(number + 1)) {
                if from.exists() {
                    fs::rename(from, to).unwrap();
                }
            }
        }
        // Their inodes are used again.
        if self.follower.is_some() && last > 3 {
            self.wait();
            self.rotated(last)
                .iter()
                .chain(&self.rotated(last - 1))
                .for_each(|path| drop(fs::remove_file(path)));
        }
    }

    fn rotate(&mut self, compress: bool) {
        self.shift();
        let [to, compressed] = self.rotated(1);
        if fs::rename(self.files.path("log"), &to).is_err() {
            return;
        }
        if self.begun && !compress {
            // Its writer has not heard of it.
            OpenOptions::new().append(true).open(&to).unwrap().write_all(b";\n").unwrap();
            self.begun = false;
        }
        self.give_up();
        if compress {
            compress_file(&to, &compressed);
            fs::remove_file(&to).unwrap();
        }
    }

    fn copy_and_truncate(&mut self) {
        self.shift();
        let log = self.files.path("log");
        if log.exists() {
            fs::copy(&log, &self.rotated(1)[0]).unwrap();
            self.give_up();
            OpenOptions::new().write(true).open(&log).unwrap().set_len(0).unwrap();
        }
    }

    fn rewrite(&mut self, count: u8) {
        if self.follower.is_some() {
            self.wait();
            self.give_up();
            let lines = self.lines(count);
            fs::write(self.files.path("log"), lines).unwrap();
        }
    }

    fn take(&mut self, line: &str) {
        match line.strip_suffix(';') {
            Some(number) => *self.out.entry(number.parse().unwrap()).or_default() += 1,
            None => self.fragments.push(line.to_owned()),
        }
    }

    fn end(&mut self, signal: &str) {
        if let Some(follower) = self.follower.take() {
            follower.end(signal).iter().for_each(|line| self.take(line));
        }
    }

    fn missing(&self) -> Vec<u64> {
        let whole = self.written - u64::from(self.begun);
        (1..=whole).filter(|number| !self.out.contains_key(number)).collect()
    }

    /// Waits until all lines have come out.
    fn wait(&mut self) {
        let until = Instant::now() + Duration::from_secs(40);
        while !self.missing().is_empty() {
            let Some(follower) = &self.follower else { return };
            let rest = until.saturating_duration_since(Instant::now());
            match follower.lines.recv_timeout(rest) {
                Ok(line) => self.take(&line),
                Err(error) => panic!("{error}: {:?} missing after {:?}", self.missing(), self.done),
            }
        }
    }

    fn act(&mut self, act: Act) {
        self.done.push(act);
        match act {
            Act::Append(count) => self.append(count),
            Act::Begin => self.begin(),
            Act::Rotate { compress } => self.rotate(compress),
            Act::CopyTruncate => self.copy_and_truncate(),
            Act::Rewrite(count) => self.rewrite(count),
            Act::Stop => self.end("-TERM"),
            Act::Kill => {
                self.was_killed |= self.follower.is_some();
                self.end("-KILL");
            }
            Act::Wait => self.wait(),
        }
        if self.follower.is_none()
            && !matches!(act, Act::Stop | Act::Kill)
            && self.done.len().is_multiple_of(2)
        {
            self.follower = Some(Follower::start(&self.files));
        }
    }

    /// Everything has come out, and does not come again.
    fn check(mut self) {
        self.append(1);
        for _ in 0..2 {
            self.follower.get_or_insert_with(|| Follower::start(&self.files));
            self.wait();
            self.end("-TERM");
        }
        let again: Vec<_> = self.out.iter().filter(|(_, times)| **times > 1).collect();
        assert!(self.was_killed || again.is_empty(), "{again:?} again after {:?}", self.done);
        let most = if self.was_killed { usize::MAX } else { self.given_up };
        assert!(self.fragments.len() <= most, "{:?} after {:?}", self.fragments, self.done);
    }
}

#[test]
fn whatever_is_done_to_a_followed_file_each_line_comes_out() {
    let mut runner = runner(1);
    for _ in 0..16 {
        let acts = prop::collection::vec(act(), 4..16).new_tree(&mut runner).unwrap().current();
        let mut world = World::begun();
        acts.into_iter().for_each(|act| world.act(act));
        world.check();
    }
}

#[test]
fn a_file_that_is_written_anew_and_compressed_unseen_comes_out_once() {
    let mut world = World::begun();
    world.wait();
    world.follower.as_ref().unwrap().signal("-STOP");
    for act in [Act::Rewrite(2), Act::Append(1), Act::Rotate { compress: true }] {
        world.act(act);
    }
    world.follower.as_ref().unwrap().signal("-CONT");
    world.check();
}

#[test]
fn a_file_that_is_being_compressed_is_not_read_from_the_half_that_is_there() {
    let mut world = World::begun();
    world.append(100);
    world.wait();
    let [plain, compressed] = world.rotated(1);
    fs::rename(world.files.path("log"), &plain).unwrap();
    let whole = world.files.path("whole");
    compress_file(&plain, &whole);
    let bytes = fs::read(&whole).unwrap();
    fs::write(&compressed, &bytes[..bytes.len() / 2]).unwrap();
    world.append(1);
    world.wait();
    fs::write(&compressed, &bytes).unwrap();
    fs::remove_file(plain).unwrap();
    world.act(Act::Rotate { compress: true });
    world.check();
}

#[test]
fn a_file_that_is_written_anew_after_it_got_another_name_comes_out() {
    let mut world = World::begun();
    world.append(3);
    world.wait();
    let [rotated, _] = world.rotated(1);
    fs::rename(world.files.path("log"), &rotated).unwrap();
    world.append(1);
    world.wait();
    // Its writer has not heard of the new name.
    let lines = world.lines(2);
    fs::write(rotated, lines).unwrap();
    world.check();
}

#[test]
fn a_file_is_read_that_was_there_and_gone_unseen() {
    let mut world = World::begun();
    world.wait();
    world.follower.as_ref().unwrap().signal("-STOP");
    world.act(Act::Rotate { compress: false });
    world.act(Act::Append(3));
    world.act(Act::Rotate { compress: false });
    world.follower.as_ref().unwrap().signal("-CONT");
    world.wait();
    world.check();
}

#[test]
fn a_copy_of_a_file_that_is_about_to_be_cut_does_not_come_out_twice() {
    let mut world = World::begun();
    world.wait();
    world.follower.as_ref().unwrap().signal("-STOP");
    world.act(Act::Rotate { compress: false });
    world.act(Act::Append(3));
    world.begin();
    world.shift();
    fs::copy(world.files.path("log"), &world.rotated(1)[0]).unwrap();
    world.follower.as_ref().unwrap().signal("-CONT");
    world.wait();
    world.give_up();
    File::create(world.files.path("log")).unwrap();
    world.check();
}

#[test]
fn a_compressed_file_is_read_though_only_a_begun_line_of_another_was_read() {
    let mut world = World::begun();
    world.wait();
    world.act(Act::Rewrite(0));
    world.begin();
    // It has been read.
    while !fs::read_to_string(world.files.path("position")).unwrap().contains("\"read\":6") {
        std::thread::sleep(Duration::from_millis(10));
    }
    world.follower.as_ref().unwrap().signal("-STOP");
    world.act(Act::Rotate { compress: true });
    world.append(11);
    world.act(Act::Rotate { compress: true });
    world.follower.as_ref().unwrap().signal("-CONT");
    world.wait();
    world.check();
}

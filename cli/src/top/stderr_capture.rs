//! What is written to stderr while a screen is shown there: kept, and written when the screen is gone.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, PipeReader, Read, Write, stderr};

/// The latest lines are kept: their number, and the bytes of each, at most.
const MOST: usize = 1000;
const LONGEST: usize = 4096;

/// Captures stderr: whatever writes there, commands that were started too, writes into a pipe.
#[derive(Debug)]
pub(super) struct StderrCapture {
    stderr: File,
    pipe: PipeReader,
    begun: Vec<u8>,
    lines: VecDeque<String>,
    left_out: usize,
}

impl StderrCapture {
    /// Replaces stderr by a pipe.
    pub(super) fn begin() -> io::Result<Self> {
        let (pipe, writer) = io::pipe()?;
        rustix::io::ioctl_fionbio(&pipe, true)?;
        let stderr = File::from(rustix::io::dup(stderr())?);
        rustix::stdio::dup2_stderr(writer)?;
        Ok(Self { stderr, pipe, begun: Vec::new(), lines: VecDeque::new(), left_out: 0 })
    }

    /// Where stderr was, for drawing.
    pub(super) fn stderr(&self) -> io::Result<File> {
        self.stderr.try_clone()
    }

    /// The lines that were written since it was asked last.
    pub(super) fn news(&mut self) -> Vec<String> {
        let mut news = Vec::new();
        let mut block = [0; 4096];
        loop {
            match self.pipe.read(&mut block) {
                Ok(0) => break,
                Ok(read) => self.take(&block[..read], &mut news),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // There is no more for now.
                Err(_) => break,
            }
        }
        for line in &news {
            self.lines.push_back(line.clone());
            if self.lines.len() > MOST {
                self.lines.pop_front();
                self.left_out += 1;
            }
        }
        news
    }

    fn take(&mut self, bytes: &[u8], news: &mut Vec<String>) {
        for byte in bytes {
            if *byte == b'\n' || self.begun.len() == LONGEST {
                news.push(String::from_utf8_lossy(&std::mem::take(&mut self.begun)).into_owned());
            }
            if *byte != b'\n' {
                self.begun.push(*byte);
            }
        }
    }

    /// Puts stderr back, and writes there what was written meanwhile.
    pub(super) fn end(mut self) {
        // If this fails, there is no way to report it.
        let _ = rustix::stdio::dup2_stderr(&self.stderr);
        self.news();
        if !self.begun.is_empty() {
            let rest = String::from_utf8_lossy(&self.begun).into_owned();
            self.lines.push_back(rest);
        }
        let mut text = String::new();
        if self.left_out > 0 {
            text += &format!("engine: {} lines before these are not shown\n", self.left_out);
        }
        for line in &self.lines {
            text += line;
            text.push('\n');
        }
        let _ = stderr().write_all(text.as_bytes());
    }
}

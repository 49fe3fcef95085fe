//! The latest lines that functions printed.

use std::collections::VecDeque;
use std::sync::Mutex;

use super::lock;
use crate::metrics::LogLine;

/// The most lines that are kept.
const MOST: usize = 500;

#[derive(Default)]
pub(crate) struct Log(Mutex<(u64, VecDeque<LogLine>)>);

impl Log {
    pub(crate) fn push(&self, at: u64, function: &str, line: &str) {
        let (last, lines) = &mut *lock(&self.0);
        *last += 1;
        lines.push_back(LogLine { number: *last, at, function: function.into(), line: line.into() });
        if lines.len() > MOST {
            lines.pop_front();
        }
    }

    /// The latest lines, the oldest of them first.
    pub(crate) fn latest(&self, most: usize) -> Vec<LogLine> {
        let (_, lines) = &*lock(&self.0);
        lines.iter().skip(lines.len().saturating_sub(most)).cloned().collect()
    }
}

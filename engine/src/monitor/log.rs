//! What functions printed last.

use std::collections::VecDeque;
use std::sync::Mutex;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::watch::lock;
use crate::text::PlainText;

/// So many lines are kept.
const MOST: usize = 500;

/// A line that a function printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Line {
    /// Its number, counted from 1.
    pub number: u64,
    /// When, in milliseconds since the start.
    pub at: u64,
    /// The function.
    pub function: PlainText,
    /// What it printed, without control characters.
    pub line: PlainText,
}

#[derive(Default)]
pub(crate) struct Log(Mutex<(u64, VecDeque<Line>)>);

impl Log {
    pub(crate) fn push(&self, at: u64, function: &str, line: &str) {
        let (last, lines) = &mut *lock(&self.0);
        *last += 1;
        lines.push_back(Line { number: *last, at, function: function.into(), line: line.into() });
        if lines.len() > MOST {
            lines.pop_front();
        }
    }

    /// The latest, as many as are wanted.
    pub(crate) fn latest(&self, most: usize) -> Vec<Line> {
        let (_, lines) = &*lock(&self.0);
        lines.iter().skip(lines.len().saturating_sub(most)).cloned().collect()
    }
}

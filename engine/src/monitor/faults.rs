//! The latest faults, and how many there were of each kind.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use super::lock;
use crate::Fault;
use crate::metrics::RecentFault;
use crate::record::shorten;
use crate::text::PlainText;

/// The most faults that are kept.
const MOST: usize = 100;

#[derive(Default)]
pub(crate) struct Faults(Mutex<FaultLog>);

#[derive(Default)]
struct FaultLog {
    latest: VecDeque<RecentFault>,
    kinds: BTreeMap<&'static str, u64>,
    all: u64,
    /// The files of dead letters.
    files: Vec<PlainText>,
}

impl Faults {
    /// Adds a fault.
    pub(crate) fn push(&self, at: u64, fault: &Fault, record: Option<&[u8]>) {
        let mut told = RecentFault {
            number: 0,
            at,
            record: fault.record,
            function: fault.function.clone(),
            kind: fault.cause.kind().into(),
            message: fault.cause.to_string().into(),
            // An empty record was not kept.
            excerpt: record.filter(|record| !record.is_empty()).map(|record| shorten(record).into()),
        };
        let mut seen = lock(&self.0);
        seen.all += 1;
        told.number = seen.all;
        *seen.kinds.entry(fault.cause.kind()).or_default() += 1;
        seen.latest.push_back(told);
        if seen.latest.len() > MOST {
            seen.latest.pop_front();
        }
    }

    pub(crate) fn puts_aside(&self, file: PlainText) {
        lock(&self.0).files.push(file);
    }

    /// How many there were of each kind, the latest, and the files of dead letters.
    pub(crate) fn read(&self, most: usize) -> (BTreeMap<PlainText, u64>, Vec<RecentFault>, Vec<PlainText>) {
        let seen = lock(&self.0);
        let kinds = seen.kinds.iter().map(|(kind, count)| ((*kind).into(), *count)).collect();
        (kinds, seen.latest.iter().rev().take(most).cloned().collect(), seen.files.clone())
    }
}

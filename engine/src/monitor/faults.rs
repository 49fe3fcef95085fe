//! The latest faults, and how many there were of each kind.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use super::lock;
use crate::Fault;
use crate::metrics::{FaultsStatus, NodeFaults, RecentFault};
use crate::record::shorten;
use crate::text::PlainText;

/// The most faults that are kept.
const MOST: usize = 100;

/// The most nodes whose faults are counted.
const MOST_NODES: usize = 100;

#[derive(Default)]
pub(crate) struct Faults(Mutex<FaultLog>);

#[derive(Default)]
struct FaultLog {
    latest: VecDeque<RecentFault>,
    kinds: BTreeMap<&'static str, u64>,
    all: u64,
    /// By node, in the order of their first ones.
    nodes: Vec<NodeFaults>,
    /// The files of dead letters.
    files: Vec<PlainText>,
}

impl Faults {
    /// Adds a fault, and the file that its record is put aside in.
    pub(crate) fn push(&self, at: u64, fault: &Fault, record: Option<&[u8]>, file: Option<&PlainText>) {
        let mut told = RecentFault {
            number: 0,
            at,
            record: fault.record,
            function: fault.function.clone(),
            node: fault.node.clone(),
            kind: fault.cause.kind().into(),
            message: fault.cause.to_string().into(),
            // An empty record was not kept.
            excerpt: record.filter(|record| !record.is_empty()).map(|record| shorten(record).into()),
        };
        let mut seen = lock(&self.0);
        seen.all += 1;
        told.number = seen.all;
        *seen.kinds.entry(fault.cause.kind()).or_default() += 1;
        seen.count(fault, file);
        seen.latest.push_back(told);
        if seen.latest.len() > MOST {
            seen.latest.pop_front();
        }
    }

    pub(crate) fn puts_aside(&self, file: PlainText) {
        lock(&self.0).files.push(file);
    }

    /// What went wrong so far, with the latest faults.
    pub(crate) fn read(&self, most: usize) -> FaultsStatus {
        let seen = lock(&self.0);
        FaultsStatus {
            kinds: seen.kinds.iter().map(|(kind, count)| ((*kind).into(), *count)).collect(),
            nodes: seen.nodes.clone(),
            latest: seen.latest.iter().rev().take(most).cloned().collect(),
            put_aside: seen.files.clone(),
        }
    }
}

impl FaultLog {
    /// Counts a fault at its node.
    fn count(&mut self, fault: &Fault, file: Option<&PlainText>) {
        let Fault { function, node, .. } = fault;
        let mut nodes = self.nodes.iter_mut();
        if let Some(known) = nodes.find(|known| known.function == *function && known.node == *node) {
            known.faults += 1;
        } else if self.nodes.len() < MOST_NODES {
            let (function, node, put_aside) = (function.clone(), node.clone(), file.cloned());
            self.nodes.push(NodeFaults { function, node, faults: 1, put_aside });
        }
    }
}

//! The segments of a run, as workers know them.

use std::sync::{Arc, Weak};

use crate::cluster::description::Stage;
use crate::executor::{Segment, Terms};
use crate::plugin::FunctionCore;

/// A segment of the run.
pub(super) struct KnownSegment {
    /// A segment holds the executor, which holds the dispatcher's thread.
    segment: Weak<Segment>,
    stages: Vec<Stage>,
    /// What results are checked against.
    pub(super) terms: Vec<Terms>,
    /// Workers were told of it.
    pub(super) told: bool,
}

/// The segments of a run, in the order in which workers were told of them.
#[derive(Default)]
pub(super) struct KnownSegments(Vec<KnownSegment>);

/// A segment that workers have to be told of.
pub(super) struct Untold {
    pub(super) stages: Vec<Stage>,
    pub(super) cores: Vec<Arc<FunctionCore>>,
}

impl KnownSegments {
    /// A segment's index, and what workers have to be told if it is new.
    pub(super) fn index_of(&mut self, segment: &Arc<Segment>) -> (usize, Option<Untold>) {
        let is_it = |known: &KnownSegment| std::ptr::eq(known.segment.as_ptr(), Arc::as_ptr(segment));
        if let Some(index) = self.0.iter().position(is_it) {
            return (index, None);
        }
        let (segment, cores) = (Arc::downgrade(segment), segment.stages.clone());
        let stages: Vec<_> = cores.iter().map(|core| Stage::of(core)).collect();
        let is_free = |known: &KnownSegment| known.told && known.segment.strong_count() == 0;
        // Workers know it from one that is over: a program may use a pool for any number of them.
        let same = self.0.iter().position(|known| is_free(known) && known.stages == stages);
        if let Some(index) = same {
            self.0[index].segment = segment;
            return (index, None);
        }
        let terms = cores.iter().map(|core| Terms::of(core)).collect();
        self.0.push(KnownSegment { segment, stages: stages.clone(), terms, told: false });
        (self.0.len() - 1, Some(Untold { stages, cores }))
    }

    pub(super) fn get(&self, index: usize) -> &KnownSegment {
        &self.0[index]
    }

    /// Notes that workers were told of a segment, and returns it if it is still there.
    pub(super) fn note_told(&mut self, index: usize) -> Option<Arc<Segment>> {
        let known = &mut self.0[index];
        known.told = true;
        known.segment.upgrade()
    }

    /// All segments, whether they are still there or not.
    pub(super) fn all(&self) -> Vec<Weak<Segment>> {
        self.0.iter().map(|known| known.segment.clone()).collect()
    }

    /// The number of the last record that is done, with all before it.
    pub(super) fn done_to(&self) -> u64 {
        let segments = self.0.iter().filter_map(|known| known.segment.upgrade());
        segments.map(|segment| segment.done_to()).min().unwrap_or(0)
    }
}

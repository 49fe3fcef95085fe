//! The graph of a run: functions scattered, and those that accumulate in order between them.

use engine::plugin::Output;
use engine::{Pool, Source, Stream, sinks};

use super::RunCommand;
use crate::plugins::{Chain, Records, Stage};

/// Records of a run under way in a cluster at most.
const CLUSTERED: usize = 4 << 20;

impl RunCommand {
    pub(super) fn build(&self, pool: &Pool, source: &Source<Records>, chain: &Chain, output: &Output) {
        let mut stream = source.stream();
        let mut left = chain.stages.len();
        for stretch in chain.stages.chunk_by(|one, next| !one.accumulates() && !next.accumulates()) {
            left -= stretch.len();
            stream = match stretch {
                [Stage { function, key: Some(key) }] if self.sequential => {
                    stream.accumulate_by(key.clone(), function)
                }
                [Stage { function, key: Some(key) }] => {
                    stream.scatter(pool).accumulate_by(key.clone(), function).gather()
                }
                [stage] if stage.accumulates() => stream.accumulate(&stage.function),
                stages if self.sequential => {
                    stages.iter().fold(stream, |stream, stage| stream.apply(&stage.function))
                }
                stages => self.scattered(pool, stream, stages, self.unordered && left == 0),
            };
        }
        match &chain.sink {
            Some(sink) => stream.sink(sink),
            None => stream.sink(sinks::lines(output).separated_by(self.separator())),
        }
    }

    /// A stretch of the chain on the pool.
    fn scattered(
        &self,
        pool: &Pool,
        stream: Stream<Records>,
        stages: &[Stage],
        unordered: bool,
    ) -> Stream<Records> {
        let scattered = stages.iter().fold(stream.scatter(pool), |all, stage| all.apply(&stage.function));
        let scattered = scattered.buffer_up_to(self.buffer(pool));
        if unordered { scattered.gather_unordered() } else { scattered.gather() }
    }

    /// The most: enough that threads need not wait for one another. How many a cluster has is not known: there records have
    /// no bound of their own but that of their bytes.
    fn buffer(&self, pool: &Pool) -> usize {
        let many = if self.is_clustered() { CLUSTERED } else { (pool.threads() * 131_072).max(262_144) };
        self.buffer.map_or(many, |buffer| buffer as usize)
    }

    #[cfg(feature = "cluster")]
    fn is_clustered(&self) -> bool {
        self.cluster.is_given()
    }

    #[cfg(not(feature = "cluster"))]
    fn is_clustered(&self) -> bool {
        false
    }
}

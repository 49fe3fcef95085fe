//! The types of nodes, by name: where users' words meet the code.

use super::{sinks, sources, stages};
use crate::nodes::{NodeType, Section, sink, source, stage};

/// The types that a section has.
pub(super) fn of(section: Section) -> &'static [NodeType] {
    match section {
        Section::Sources => SOURCES,
        Section::Stages => STAGES,
        Section::Sinks => SINKS,
    }
}

const SOURCES: &[NodeType] = &[
    source::<sources::Stdin>("stdin"),
    source::<sources::Files>("files"),
    source::<sources::Folder>("folder"),
    source::<sources::Csv>("csv"),
    source::<sources::Ndjson>("ndjson"),
    source::<sources::Letters>("letters"),
    source::<sources::Periodic>("periodic"),
    source::<sources::Process>("process"),
    source::<sources::Tcp>("tcp"),
    #[cfg(feature = "net")]
    source::<sources::Http>("http"),
    #[cfg(feature = "net")]
    source::<sources::WebSocket>("websocket"),
    #[cfg(feature = "cluster")]
    source::<sources::Nats>("nats"),
];

const STAGES: &[NodeType] = &[
    stage::<stages::Map>("map"),
    stage::<stages::Starmap>("starmap"),
    stage::<stages::Filter>("filter"),
    stage::<stages::Remove>("remove"),
    stage::<stages::FlatMap>("flat_map"),
    stage::<stages::Accumulate>("accumulate"),
    stage::<stages::Flatten>("flatten"),
    stage::<stages::Scatter>("scatter"),
    stage::<stages::Buffer>("buffer"),
    stage::<stages::Gather>("gather"),
    stage::<stages::Slice>("slice"),
    stage::<stages::Partition>("partition"),
    stage::<stages::PartitionUnique>("partition_unique"),
    stage::<stages::SlidingWindow>("sliding_window"),
    stage::<stages::TimedWindow>("timed_window"),
    stage::<stages::TimedWindowUnique>("timed_window_unique"),
    stage::<stages::Unique>("unique"),
    stage::<stages::Pluck>("pluck"),
    stage::<stages::Frequencies>("frequencies"),
    stage::<stages::Collect>("collect"),
    stage::<stages::Delay>("delay"),
    stage::<stages::RateLimit>("rate_limit"),
    stage::<stages::Latest>("latest"),
    stage::<stages::Union>("union"),
    stage::<stages::Zip>("zip"),
    stage::<stages::CombineLatest>("combine_latest"),
    stage::<stages::ZipLatest>("zip_latest"),
];

const SINKS: &[NodeType] = &[
    sink::<sinks::Stdout>("stdout"),
    sink::<sinks::File>("file"),
    sink::<sinks::Csv>("csv"),
    sink::<sinks::Call>("plugin"),
    sink::<sinks::Process>("process"),
    sink::<sinks::Tcp>("tcp"),
    #[cfg(feature = "net")]
    sink::<sinks::Http>("http"),
    #[cfg(feature = "net")]
    sink::<sinks::WebSocket>("websocket"),
    #[cfg(feature = "cluster")]
    sink::<sinks::Nats>("nats"),
];

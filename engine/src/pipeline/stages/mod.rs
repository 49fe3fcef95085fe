//! Stages: what each node of the graph's middle takes from the file, and puts into the graph.

mod calls;
mod grouping;
mod joining;
mod parts;
mod pool;
mod sample;
mod timing;

use crate::nodes::{NodeType, stage_type};

/// In the order in which people are told of them.
pub(super) const NODES: &[NodeType] = &[
    stage_type::<calls::Map>("map"),
    stage_type::<calls::Starmap>("starmap"),
    stage_type::<calls::Filter>("filter"),
    stage_type::<calls::Remove>("remove"),
    stage_type::<calls::FlatMap>("flat_map"),
    stage_type::<calls::Accumulate>("accumulate"),
    stage_type::<parts::Flatten>("flatten"),
    stage_type::<pool::Scatter>("scatter"),
    stage_type::<pool::Buffer>("buffer"),
    stage_type::<pool::Gather>("gather"),
    stage_type::<parts::Slice>("slice"),
    stage_type::<sample::Sample>("sample"),
    stage_type::<grouping::Partition>("partition"),
    stage_type::<grouping::PartitionUnique>("partition_unique"),
    stage_type::<grouping::SlidingWindow>("sliding_window"),
    stage_type::<grouping::TimedWindow>("timed_window"),
    stage_type::<grouping::TimedWindowUnique>("timed_window_unique"),
    stage_type::<grouping::Unique>("unique"),
    stage_type::<parts::Pluck>("pluck"),
    stage_type::<grouping::Frequencies>("frequencies"),
    stage_type::<grouping::Collect>("collect"),
    stage_type::<timing::Delay>("delay"),
    stage_type::<timing::RateLimit>("rate_limit"),
    stage_type::<timing::Latest>("latest"),
    stage_type::<joining::Union>("union"),
    stage_type::<joining::Zip>("zip"),
    stage_type::<joining::CombineLatest>("combine_latest"),
    stage_type::<joining::ZipLatest>("zip_latest"),
];

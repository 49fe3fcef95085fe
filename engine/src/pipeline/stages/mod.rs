//! The stages of pipeline files: a file for each, and the table of all. `support/` is what several share.

mod accumulate;
mod buffer;
mod collect;
mod combine_latest;
mod delay;
mod filter;
mod flat_map;
mod flatten;
mod frequencies;
mod gather;
mod group;
mod latest;
mod map;
mod partition;
mod partition_unique;
mod pluck;
mod rate_limit;
mod reduce;
mod remove;
mod sample;
mod scatter;
mod slice;
mod sliding_window;
mod starmap;
mod support;
mod timed_window;
mod timed_window_unique;
mod union;
mod unique;
mod zip;
mod zip_latest;

use crate::nodes::{NodeType, stage_type};

/// All stages, in the order in which the schema and messages list them.
pub(super) const NODES: &[NodeType] = &[
    stage_type::<map::Map>("map"),
    stage_type::<starmap::Starmap>("starmap"),
    stage_type::<filter::Filter>("filter"),
    stage_type::<remove::Remove>("remove"),
    stage_type::<flat_map::FlatMap>("flat_map"),
    stage_type::<accumulate::Accumulate>("accumulate"),
    stage_type::<flatten::Flatten>("flatten"),
    stage_type::<scatter::Scatter>("scatter"),
    stage_type::<buffer::Buffer>("buffer"),
    stage_type::<gather::Gather>("gather"),
    stage_type::<slice::Slice>("slice"),
    stage_type::<sample::Sample>("sample"),
    stage_type::<partition::Partition>("partition"),
    stage_type::<partition_unique::PartitionUnique>("partition_unique"),
    stage_type::<sliding_window::SlidingWindow>("sliding_window"),
    stage_type::<timed_window::TimedWindow>("timed_window"),
    stage_type::<timed_window_unique::TimedWindowUnique>("timed_window_unique"),
    stage_type::<unique::Unique>("unique"),
    stage_type::<reduce::Reduce>("reduce"),
    stage_type::<group::Group>("group"),
    stage_type::<pluck::Pluck>("pluck"),
    stage_type::<frequencies::Frequencies>("frequencies"),
    stage_type::<collect::Collect>("collect"),
    stage_type::<delay::Delay>("delay"),
    stage_type::<rate_limit::RateLimit>("rate_limit"),
    stage_type::<latest::Latest>("latest"),
    stage_type::<union::Union>("union"),
    stage_type::<zip::Zip>("zip"),
    stage_type::<combine_latest::CombineLatest>("combine_latest"),
    stage_type::<zip_latest::ZipLatest>("zip_latest"),
];

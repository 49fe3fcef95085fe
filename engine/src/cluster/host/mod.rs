//! The host of a run: what its pool sees, and what hands tasks out and takes results in.

mod dispatcher;
mod errands;
pub(super) mod executor;
mod in_flight_task;
mod link;
mod membership;
mod notices;
mod registry;
mod results;
mod segments;
mod tasks;
mod uploader;

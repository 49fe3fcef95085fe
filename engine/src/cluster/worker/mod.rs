//! A worker: the process, and what it does for each run.

mod admission;
mod concurrency;
mod declined;
pub(super) mod isolated;
mod isolation;
pub(super) mod notice;
pub(super) mod options;
mod plugin_folder;
mod plugins;
mod presence;
pub(super) mod process;
mod run;
mod segment;
mod shared;
mod task;

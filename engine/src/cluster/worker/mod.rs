//! A worker: the process, and what it does for each run.

mod admission;
mod concurrency;
pub(super) mod isolated;
pub(super) mod isolation;
pub(super) mod options;
mod plugin_folder;
mod plugins;
mod presence;
pub(super) mod process;
mod run;
mod segment;
mod shared;
mod task;

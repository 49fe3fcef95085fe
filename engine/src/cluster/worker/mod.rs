//! A worker: the process, and what it does for each run.

mod admission;
mod concurrency;
mod isolation;
mod plugin_folder;
pub(in crate::cluster) mod process;
mod run;

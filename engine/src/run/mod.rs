//! Runs a graph with everything around it: files that are written, dead letters, and checkpoints.
//!
//! A [`Run`] is what `engine run` and pipeline files use. Give it sources with what feeds them, and it feeds them
//! until they end:
//!
//! - Output files are opened when the run begins, all of them before the first is changed.
//! - Dead letters are written to a file, each with the position of its record.
//! - Checkpoints are saved at intervals, so that a later run can continue.
//! - In the end it tells what became of all records.

mod checkpointer;
mod dead_letter_file;
mod diverted;
mod ending;
mod fault_settings;
mod feed;
mod feeding;
mod file_conflicts;
mod marks;
mod opening;
mod output_file;
mod report;
#[expect(clippy::module_inception, reason = "the type that the room is about")]
mod run;
mod used;

pub(crate) use dead_letter_file::{DeadLetterFile, InputPositions};
pub use fault_settings::{FaultSettings, OnFault};
pub(crate) use feed::RunSource;
pub(crate) use feeding::Feeding;
pub use file_conflicts::is_one_file;
pub(crate) use file_conflicts::{FileConflict, FileConflicts};
pub use marks::InputMarks;
pub(crate) use output_file::OutputFile;
pub(crate) use run::RunParts;
pub use run::{CheckpointSettings, Run};
pub(crate) use used::FunctionUsage;

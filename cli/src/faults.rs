//! What the command line says about faults.

use std::path::Path;

use engine::run::{FaultSettings, OnFault};

use super::args::on_fault;

/// Flags about records that functions fail for.
#[derive(Clone, clap::Args)]
#[command(next_help_heading = "Faults")]
pub(crate) struct Faults {
    /// What a fault does: stop ends the run, skip drops the record, divert=FILE puts it aside in a file as
    /// a dead letter, one line of JSON
    #[arg(long, value_name = "stop|skip|divert=FILE", default_value = "stop", value_parser = on_fault, hide_default_value = false)]
    on_fault: OnFault,
    /// Try a record again this many times at most if its function says that it may succeed later: after
    /// 100 ms, then after twice the last wait each time, up to 10 s
    #[arg(long, value_name = "N", default_value = "0")]
    retries: u32,
    /// End the run if there are more faults than this [default: no limit]
    #[arg(long, value_name = "N")]
    max_faults: Option<u64>,
    /// With --on-fault divert=FILE: exit with 0 even if records were put aside
    #[arg(long)]
    pub(crate) exit_zero: bool,
    /// Run the records of dead letters again: the inputs are files that --on-fault divert wrote
    #[arg(long, alias = "letters")]
    pub(crate) dead_letters: bool,
}

impl Faults {
    /// What holds for all functions.
    pub(crate) fn settings(&self) -> FaultSettings {
        let Self { on_fault, retries, max_faults, .. } = self.clone();
        FaultSettings { on_fault, retries, max_faults }
    }

    /// The file that records are put aside in.
    pub(crate) fn file(&self) -> Option<&Path> {
        match &self.on_fault {
            OnFault::Divert(path) => Some(path),
            OnFault::Stop | OnFault::Skip => None,
        }
    }
}

//! Lines to stdout and to files.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::pipeline::building::Building;
use crate::pipeline::flow::Flow;
use crate::pipeline::kinds::Sink;
use crate::pipeline::mistake::Problem;
use crate::sinks::{Lines, lines};

/// Lines to stdout.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Stdout {
    /// A NUL byte behind each record, not a newline.
    #[serde(default)]
    null: bool,
}

impl Sink for Stdout {
    fn attach(self, input: Flow, building: &mut Building) -> Result<(), Problem> {
        input.local()?.0.sink(separated(lines(&building.stdout()), self.null));
        Ok(())
    }
}

/// Lines to a file.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct File {
    /// The file. It is emptied when the run begins.
    path: PathBuf,
    /// What the file has stays, and records come behind it.
    #[serde(default)]
    append: bool,
    /// A NUL byte behind each record, not a newline.
    #[serde(default)]
    null: bool,
}

impl Sink for File {
    fn attach(self, input: Flow, building: &mut Building) -> Result<(), Problem> {
        let output = building.output_file(&self.path, self.append)?;
        input.local()?.0.sink(separated(lines(&output), self.null));
        Ok(())
    }
}

fn separated(lines: Lines, null: bool) -> Lines {
    lines.separated_by(if null { 0 } else { b'\n' })
}

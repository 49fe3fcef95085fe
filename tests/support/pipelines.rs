//! Folders with pipeline files.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::support::{Did, engine, fed, hostile, plugin};

/// A folder with a pipeline file, in which `$PLUGINS` and `$HOSTILE` stand for the folders of test plugins.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new(pipeline: &str) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        let folder = |of: PathBuf| of.parent().unwrap().display().to_string();
        let text = pipeline.replace("$PLUGINS", &folder(plugin("inc")));
        files.write("pipeline.toml", text.replace("$HOSTILE", &folder(hostile("misdeeds"))));
        files
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The command that runs the pipeline.
    pub(crate) fn command(&self) -> Command {
        engine(["run".as_ref(), self.path("pipeline.toml").as_os_str()])
    }

    /// Runs it.
    pub(crate) fn run(&self, input: impl AsRef<[u8]>) -> Did {
        fed(self.command(), input)
    }
}

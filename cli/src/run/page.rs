//! `--report`: a page about the run, in a file.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use engine::Monitor;
use engine::dashboard::Report;
use engine::files::Draft;

use super::messages::Messages;
use crate::exit::tell;

/// The file that a page is written to, when the run has ended.
pub(super) struct ReportFile {
    report: Report,
    path: PathBuf,
}

impl ReportFile {
    /// Begins to look at the run, if the file can be written.
    pub(super) fn begin(path: &Path, monitor: &Monitor) -> anyhow::Result<Self> {
        let named = path.display();
        let is_page = path.extension().is_some_and(|end| end == "html" || end == "htm");
        ensure!(is_page, "--report {named}: a report is a page of HTML: write a name that ends in .html");
        ensure!(!path.is_dir(), "--report {named}: this is a folder");
        // It is gone again at once.
        beside(path)?;
        Ok(Self { report: Report::begin(monitor)?, path: path.to_owned() })
    }

    /// Writes the page, in the place of one that was there.
    pub(super) fn write(self, messages: Messages) -> anyhow::Result<()> {
        let Self { report, path } = self;
        let failed = || format!("can't write {}", path.display());
        let mut file = beside(&path)?;
        file.file().write_all(report.page().as_bytes()).with_context(failed)?;
        file.put().with_context(failed)?;
        if !messages.quiet && !messages.json {
            tell(format_args!("engine: report in {}", path.display()));
        }
        Ok(())
    }
}

/// A file of another name in the same folder.
fn beside(path: &Path) -> anyhow::Result<Draft> {
    Draft::begin(path).with_context(|| format!("can't write {}", path.display()))
}

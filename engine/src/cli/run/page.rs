//! `--report`: a page about the run, in a file.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use engine::{Monitor, Report};
use tempfile::NamedTempFile;

use super::Messages;
use crate::cli::exit::tell;

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
        file.write_all(report.page().as_bytes()).with_context(failed)?;
        file.persist(&path).with_context(failed)?;
        if !messages.quiet && !messages.json {
            tell(format_args!("engine: report in {}", path.display()));
        }
        Ok(())
    }
}

/// A file of another name in the same folder.
fn beside(path: &Path) -> anyhow::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = || format!("can't write {}", path.display());
    std::fs::metadata(folder).with_context(failed)?;
    let mut builder = tempfile::Builder::new();
    // As any file that is made: who may look at others may look at it.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let file = builder.prefix(".report").tempfile_in(folder);
    // The other name says nothing to anybody.
    let file = file.map_err(|error| std::io::Error::from(error.kind()));
    file.with_context(failed)
}

//! What a pipeline's process uses outside of itself, as its file says: for the wall.

use super::document::{self, Document};
use super::graph::Parts;
use super::open::PipelineFile;
use super::settings::LimitOptions;
use crate::nodes::{Access, FaultOptions, Report};

impl Access {
    /// What the pipeline of a file reaches. Mistakes in the file are reported when it is opened.
    #[must_use]
    pub fn of(file: &PipelineFile) -> Self {
        let mut report = Report::new(&file.path, &file.text);
        let variable = |name: &str| std::env::var(name).ok();
        let mut access = Self::beneath(file.folder());
        if let Some(document) = document::read(&file.text, &variable, &mut report) {
            access.add(&document, &mut report);
        }
        access
    }

    fn add(&mut self, document: &Document, report: &mut Report) {
        let limits = document.limits.options::<LimitOptions>(report).unwrap_or_default();
        self.plugin_size = limits.plugin_size();
        let faults = document.faults.options::<FaultOptions>(report).unwrap_or_default();
        self.puts_aside(&faults);
        for node in &document.nodes {
            if let (Some(kind), Some(Parts { own, faults })) = (node.kind, Parts::of(node, report)) {
                self.puts_aside(&faults);
                kind.access(&own, report, self);
            }
        }
    }
}

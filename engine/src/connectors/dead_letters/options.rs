//! Options of the node type `letters`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::connectors::file::input_paths;
use crate::connectors::support::formats::rows::Origin;
use crate::connectors::support::options::RecordFormat;
use crate::connectors::support::unreadable::{naming, unreadable};
use crate::files;
use crate::nodes::{Access, BuildContext, Contents, Feeding, OneOrMore, Problem, SourceNode};
use crate::policy::Unit;
use crate::sources::{Feed, dead_letters};

/// The records in files of dead letters, as they were before they failed.
#[derive(Deserialize, JsonSchema)]
pub(super) struct DeadLettersSource {
    /// The file, or a list of them.
    path: OneOrMore<PathBuf>,
    /// How to read each record: "text", "json" or "bytes".
    #[serde(default)]
    format: RecordFormat,
}

impl SourceNode for DeadLettersSource {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        access.reads_all(self.path.as_slice(), false);
    }

    fn open(self, context: &mut BuildContext) -> Result<(Feeding, Contents), Problem> {
        let paths = input_paths(self.path, context)?;
        let policy = context.guard.policy.clone();
        let feeding = Feeding::new(move |source, stop| async move {
            for path in paths {
                let file = files::open(&path).map_err(|error| unreadable(&path, error))?;
                let letters = dead_letters(file).of(Origin::of(&path));
                source.begin_input(Some((&path, Unit::Line)));
                let fed = letters.on_fault(&policy).feed(&source, &stop).await;
                fed.map_err(|error| naming(&path, error))?;
            }
            Ok(())
        });
        Ok((feeding, self.format.contents()))
    }
}

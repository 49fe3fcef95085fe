//! Records that were put aside.

use std::path::PathBuf;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::files::read;
use super::format::RecordFormat;
use crate::Error;
use crate::error::FileError;
use crate::files;
use crate::pipeline::building::Building;
use crate::pipeline::flow::Contents;
use crate::pipeline::kinds::Source;
use crate::pipeline::mistake::Problem;
use crate::pipeline::options::OneOrMore;
use crate::pipeline::reach::Reach;
use crate::pipeline::run::Feeding;
use crate::sources::{Feed, dead_letters};

/// The records in files of dead letters, as they were when they were put aside.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Letters {
    /// The file, or a list of them.
    path: OneOrMore<PathBuf>,
    /// How each record is to be read: "text", "json" or "bytes".
    #[serde(default)]
    format: RecordFormat,
}

impl Source for Letters {
    fn reach(&self, reach: &mut Reach) {
        reach.reads_all(self.path.as_slice(), false);
    }

    fn open(self, building: &mut Building) -> Result<(Feeding, Contents), Problem> {
        let paths = read(self.path, building)?;
        let feeding = Feeding::new(move |source, stop| async move {
            for path in paths {
                let file = files::open(&path)
                    .map_err(|error| Error::File(FileError::Read { path, source: Arc::new(error) }))?;
                dead_letters(file).feed(&source, &stop).await?;
            }
            Ok(())
        });
        Ok((feeding, self.format.contents()))
    }
}

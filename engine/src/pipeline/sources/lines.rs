//! Lines of stdin and of files.

use std::fs::File;
use std::io::{Read, stdin};
use std::path::PathBuf;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::pipeline::building::Building;
use crate::pipeline::flow::Contents;
use crate::pipeline::kinds::Source;
use crate::pipeline::mistake::Problem;
use crate::pipeline::options::OneOrMore;
use crate::pipeline::run::Feeding;
use crate::record::Format;
use crate::{Error, sources};

/// How lines are to be read.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum LineFormat {
    /// Text, which is quoted where it becomes an item of an array.
    #[default]
    Text,
    /// One JSON value each.
    Json,
    /// Any bytes.
    Bytes,
}

impl LineFormat {
    fn contents(self) -> Contents {
        Contents::Plain(match self {
            Self::Text => Format::Text,
            Self::Json => Format::Json,
            Self::Bytes => Format::Bytes,
        })
    }
}

/// Lines of stdin.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Stdin {
    /// How each line is to be read: "text", "json" or "bytes".
    #[serde(default)]
    format: LineFormat,
    /// Records end with a NUL byte, not a newline.
    #[serde(default)]
    null: bool,
}

impl Source for Stdin {
    fn open(self, building: &mut Building) -> Result<(Feeding, Contents), Problem> {
        building.take_stdin()?;
        let feeding = Feeding::new(move |source, stop| async move {
            lines(stdin(), self.null).until(stop.cancelled_owned()).emit_into(&source).await
        });
        Ok((feeding, self.format.contents()))
    }
}

/// Lines of files, one after another.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Files {
    /// The file, or a list of them.
    path: OneOrMore<PathBuf>,
    /// How each line is to be read: "text", "json" or "bytes".
    #[serde(default)]
    format: LineFormat,
    /// Records end with a NUL byte, not a newline.
    #[serde(default)]
    null: bool,
}

impl Source for Files {
    fn open(self, building: &mut Building) -> Result<(Feeding, Contents), Problem> {
        let paths = self.path.into_vec().into_iter().map(|path| building.reads(&path, "path"));
        let paths = paths.collect::<Result<Vec<_>, _>>()?;
        let feeding = Feeding::new(move |source, stop| async move {
            for path in paths {
                let file = File::open(&path);
                let file =
                    file.map_err(|error| Error::Read { path: path.clone(), source: Arc::new(error) })?;
                let lines = lines(file, self.null).until(stop.clone().cancelled_owned());
                lines.emit_into(&source).await?;
                if stop.is_cancelled() {
                    break;
                }
            }
            Ok(())
        });
        Ok((feeding, self.format.contents()))
    }
}

fn lines<R: Read + Send + 'static>(reader: R, null: bool) -> sources::Lines<R> {
    sources::lines(reader).separated_by(if null { 0 } else { b'\n' })
}

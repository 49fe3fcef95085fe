//! `engine graph`: a picture of a pipeline.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::ValueEnum;
use engine::files;
use engine::pipeline::PipelineFile;
use engine::run::is_one_file;

use super::check;
use super::exit::Ending;
use super::limits::compiling_pool;
use super::terminal::print;

/// Draw a pipeline file's graph
///
/// The SVG suits light and dark pages: sources are blue, sinks are green, and thick lines join what runs on
/// the pool. Nothing is built: for the folder of a plugin crate, the last build is used.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  engine graph pipeline.toml -o pipeline.svg\n  engine graph --as mermaid pipeline.toml"
)]
pub(crate) struct GraphCommand {
    /// The pipeline file
    pipeline: PathBuf,
    /// The format of the picture
    #[arg(long = "as", value_name = "svg|mermaid|dot", default_value = "svg", hide_possible_values = true)]
    form: Form,
    /// Write to this file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Form {
    Svg,
    Mermaid,
    Dot,
}

impl GraphCommand {
    pub(crate) fn execute(self) -> anyhow::Result<Ending> {
        let file = PipelineFile::read(&self.pipeline)?;
        let opened = check::open(&file, check::setup(compiling_pool()?, &check::built_before))?;
        let Some(pipeline) = opened else {
            return Ok(Ending::Mistakes);
        };
        let diagram = pipeline.diagram();
        let text = match self.form {
            Form::Svg => diagram.svg(),
            Form::Mermaid => diagram.mermaid(),
            Form::Dot => diagram.dot(),
        };
        match self.output {
            Some(path) => {
                let same = is_one_file(&path, &self.pipeline);
                ensure!(!same, "can't write {}: it is the pipeline file", path.display());
                let written = files::create(&path, files::Mode::Empty, &|| false)
                    .and_then(|mut file| file.write_all(text.as_bytes()));
                written.with_context(|| format!("can't write {}", path.display()))?;
            }
            None => print(&text)?,
        }
        Ok(Ending::Done)
    }
}

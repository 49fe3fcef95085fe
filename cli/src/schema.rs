//! `engine schema`: what editors need to know about pipeline files.

use std::io::{self, Write};

use super::exit::Ending;

/// Print the JSON schema of pipeline files, for editors
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  engine schema > engine.schema.json\n\nTo use it in an editor with Taplo (Even Better \
                  TOML), begin the pipeline file with:\n  #:schema ./engine.schema.json"
)]
pub(crate) struct SchemaCommand {}

impl SchemaCommand {
    #[expect(clippy::unused_self, reason = "as the other commands")]
    pub(crate) fn execute(self) -> anyhow::Result<Ending> {
        writeln!(io::stdout(), "{:#}", engine::pipeline::schema())?;
        Ok(Ending::Done)
    }
}

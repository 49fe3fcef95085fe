//! `engine run PIPELINE.toml`.

use std::path::Path;

use engine::pipeline::{PipelineFile, Setup};
use engine::plugin::Ahead;
#[cfg(feature = "cluster")]
use indicatif::ProgressBar;

use super::messages::printer;
use super::ready::{ReadyRun, counts_of};
use super::{RunCommand, access};
use crate::exit::Ending;
use crate::limits::compiling_pool;
use crate::plugins::Components;
use crate::progress::Progress;
use crate::threads::asking_runtime;
use crate::wall::Then;
use crate::{check, signals};

impl RunCommand {
    pub(super) fn run_pipeline(&self, path: &Path) -> anyhow::Result<Ending> {
        self.checkpoint.check()?;
        let file = PipelineFile::read(path)?;
        let components = Components::default();
        let ahead = Ahead::default();
        if self.wall.raise(|| access::of_pipeline(self, &file, &components, &ahead))? == Then::Stop {
            return Ok(Ending::Done);
        }
        let find = |path: &Path| components.find(path);
        let setup = check::setup(compiling_pool()?.ahead(&ahead), &find);
        #[cfg(feature = "cluster")]
        let setup = Setup {
            cluster: self.cluster.cluster(None, self.messages().notices(ProgressBar::hidden())),
            ..setup
        };
        self.run_file(&file, setup)
    }

    fn run_file(&self, file: &PipelineFile, setup: Setup) -> anyhow::Result<Ending> {
        let (watch, messages, drain) = (&self.watch, self.messages(), self.drain());
        watch.check(false, false)?;
        let interrupted = signals::interrupts(drain.clone(), move || messages.tell_aborted())?;
        let watching = watch.begin(&interrupted, messages)?;
        let progress = Progress::hidden();
        let setup = Setup {
            pool: setup.pool.on_print(printer(progress.bar())),
            monitor: watching.monitor().cloned(),
            on_terminal: watch.draws(),
            writes: watch.file().into_iter().chain(self.checkpoint.file()).map(Path::to_owned).collect(),
            ..setup
        };
        let Some(pipeline) = check::open(file, setup)? else {
            return Ok(Ending::Mistakes);
        };
        pipeline.drain_timeout().into_iter().for_each(|timeout| drain.is_in_file(timeout));
        let exits_zero = pipeline.exits_zero();
        let mut run = pipeline.into_run();
        self.checkpoint.save(&mut run);
        if !messages.json {
            let hidden = messages.quiet || watch.draws();
            progress.show(counts_of(&run), hidden, run.writes_to_stdout());
        }
        let runtime = asking_runtime()?;
        ReadyRun { run, messages, drain, watching, progress, runtime, names_inputs: true, exits_zero }
            .execute()
    }
}

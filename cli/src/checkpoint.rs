//! `--checkpoint`: the flags, and whether a checkpoint is of the run that is to go on from it.

use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, bail, ensure};
use engine::checkpoint::{Checkpoint, InputState, OutputState};
use engine::files;
use engine::run::{CheckpointSettings, Run};

use super::args::time;

/// Flags about continuing after a crash.
#[derive(clap::Args)]
#[command(next_help_heading = "Continue after a crash")]
pub(crate) struct CheckpointArgs {
    /// Save the progress of the run in this file; if the file exists, continue from there
    ///
    /// The output is then the same, byte for byte, as that of one uninterrupted run. Inputs and output must
    /// be files. This includes what a plugin's sink prints; its other effects may be repeated for the last
    /// records. In a pipeline, sources must be files or count, and sinks other than files may get the last
    /// records again.
    #[arg(long, value_name = "FILE", conflicts_with = "unordered")]
    checkpoint: Option<PathBuf>,
    /// How often progress is saved; less often if the disk is slow
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time, requires = "checkpoint")]
    checkpoint_interval: Duration,
    /// Continue although a plugin, or a node of the pipeline file, has changed since the run began
    #[arg(long, requires = "checkpoint", alias = "accept-changed-plugin")]
    accept_changes: bool,
}

/// What is run, to be compared with what was.
pub(crate) struct Identity {
    pub(crate) pipeline: Vec<String>,
    pub(crate) plugins: Vec<String>,
    /// How many functions accumulate.
    pub(crate) states: usize,
}

/// A run's files, by name.
pub(crate) struct Files<'a> {
    pub(crate) inputs: &'a [PathBuf],
    pub(crate) output: Option<&'a Path>,
    pub(crate) letters: Option<&'a Path>,
}

impl CheckpointArgs {
    /// The file, if there is to be one.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.checkpoint.as_deref()
    }

    /// What a run is called in a cluster that goes on from this file: the same each time, on this machine.
    #[cfg(feature = "cluster")]
    pub(crate) fn run_name(&self) -> Option<String> {
        let path = self.checkpoint.as_ref()?;
        let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let machine = rustix::system::uname();
        let known = [path.as_os_str().as_encoded_bytes(), machine.nodename().to_bytes()].concat();
        Some(format!("checkpoint-{}", &blake3::hash(&known).to_hex()[..16]))
    }

    /// Checks that the file can be written, before anything runs. Leaves everything as it is.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let Some(path) = &self.checkpoint else { return Ok(()) };
        let named = path.display();
        ensure!(!path.is_dir(), "--checkpoint {named}: this is a folder: write a file's name");
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let shown = folder.display();
        ensure!(folder.is_dir(), "--checkpoint {named}: there is no folder {shown}: create it");
        // Each checkpoint is a new file, which replaces the one before. This one is gone again at once.
        let draft = files::Draft::begin(path);
        draft.map(drop).with_context(|| format!("--checkpoint {named}: nothing can be written to {shown}"))
    }

    /// The checkpoint in the file, if there is one.
    pub(crate) fn known(&self) -> anyhow::Result<Option<Checkpoint>> {
        Ok(self.checkpoint.as_ref().map(|path| Checkpoint::blocking_load(path)).transpose()?.flatten())
    }

    /// The checkpoint that the run begins with: the `known` one, or the beginning. None without
    /// `--checkpoint`.
    pub(crate) fn start(
        &self,
        known: Option<Checkpoint>,
        identity: Identity,
        files: &Files,
    ) -> anyhow::Result<Option<Checkpoint>> {
        let (Some(path), Some(output)) = (&self.checkpoint, files.output) else { return Ok(None) };
        let Identity { pipeline, plugins, states } = identity;
        let inputs = files.inputs.iter().map(|path| input_state(path)).collect::<anyhow::Result<Vec<_>>>()?;
        let state = |path: &Path| OutputState { path: path.to_owned(), ..OutputState::default() };
        for path in [Some(output), files.letters].into_iter().flatten() {
            let file = files::known(path).map_or(true, |known| known.is_file());
            ensure!(file, "--checkpoint needs files, and {} is none", path.display());
        }
        // Letters of other runs stay.
        let letters_from = files.letters.map_or(0, end_of);
        let letters = files.letters.map(|path| OutputState { length: letters_from, ..state(path) });
        let output = state(output);
        let states = vec![None; states];
        let fresh = Checkpoint {
            pipeline,
            plugins,
            states,
            inputs,
            output,
            letters,
            letters_from,
            ..Checkpoint::default()
        };
        let Some(known) = known else { return Ok(Some(fresh)) };
        self.resumed(known, fresh).map(Some).with_context(|| format!("can't go on from {}", path.display()))
    }

    /// The checkpoint `known`, if it is of the run that would begin with `fresh`.
    fn resumed(&self, known: Checkpoint, fresh: Checkpoint) -> anyhow::Result<Checkpoint> {
        let again = "remove the file to start over";
        ensure!(
            known.pipeline == fresh.pipeline,
            "it is of another run, of {}; this one is of {} ({again})",
            known.pipeline.join(" "),
            fresh.pipeline.join(" ")
        );
        ensure!(known.states.len() == fresh.states.len(), "it is of a run with other states ({again})");
        for (number, (known, now)) in (1..).zip(known.plugins.iter().zip(&fresh.plugins)) {
            ensure!(
                known == now || self.accept_changes,
                "plugin {number} has changed since (--accept-changes goes on with it; or {again})"
            );
        }
        ensure!(known.inputs.len() == fresh.inputs.len(), "it is of a run with other inputs ({again})");
        for (known, now) in known.inputs.iter().zip(&fresh.inputs) {
            ensure!(
                known.path == now.path,
                "it is of a run that read {}, not {} ({again})",
                known.path.display(),
                now.path.display()
            );
            let same = known.size == now.size && known.modified == now.modified;
            ensure!(same, "{} has changed since ({again})", now.path.display());
        }
        for (known, now) in
            [(Some(&known.output), Some(&fresh.output)), (known.letters.as_ref(), fresh.letters.as_ref())]
        {
            let (Some(known), Some(now)) = (known, now) else {
                ensure!(known.is_none() && now.is_none(), "it is of a run with another --on-fault ({again})");
                continue;
            };
            ensure!(
                known.path == now.path,
                "it is of a run that wrote {}, not {} ({again})",
                known.path.display(),
                now.path.display()
            );
            let length = files::known(&now.path).map_or(0, |metadata| metadata.len());
            ensure!(
                length >= known.length,
                "{} should have {} bytes and has {length} ({again})",
                now.path.display(),
                known.length
            );
            ensure!(
                known.is_unchanged(),
                "{} is not what that run wrote: something else wrote to it ({again})",
                now.path.display()
            );
        }
        Ok(Checkpoint { plugins: fresh.plugins, ..known })
    }

    /// Saves the progress of a pipeline, if that is wanted.
    pub(crate) fn save(&self, run: &mut Run) {
        if let Some(path) = &self.checkpoint {
            run.save_to(path, self.checkpoint_interval);
            if self.accept_changes {
                run.accept_changes();
            }
        }
    }

    /// How the run is saved that begins with `start`, if it is to be.
    pub(crate) fn settings(&self, start: Option<Checkpoint>) -> Option<CheckpointSettings> {
        let (path, start) = (self.checkpoint.clone()?, start?);
        Some(CheckpointSettings { path, interval: self.checkpoint_interval, start })
    }
}

/// Where a file's next line begins; a last one that was cut off gets its newline first.
fn end_of(path: &Path) -> u64 {
    let Ok(mut file) = files::open_file(path) else { return 0 };
    let (end, mut last) = (file.metadata().map_or(0, |known| known.len()), [b'\n']);
    let cut_off = end > 0
        && file.seek(SeekFrom::Start(end - 1)).and_then(|_| file.read(&mut last)).is_ok()
        && last != *b"\n";
    end + u64::from(cut_off)
}

fn input_state(path: &Path) -> anyhow::Result<InputState> {
    let metadata = files::known(path).with_context(|| format!("can't read {}", path.display()))?;
    if path == Path::new("-") || !metadata.is_file() {
        bail!("--checkpoint needs files, and {} is none", path.display());
    }
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let modified = modified.and_then(|time| u64::try_from(time.as_nanos()).ok()).unwrap_or_default();
    Ok(InputState { path: path.to_owned(), size: metadata.len(), modified, first: None })
}

//! The inputs of a run, checked before anything is run.

use std::fs::Metadata;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::Context;
use engine::checkpoint::Checkpoint;
use engine::files;

/// Where records come from.
pub(super) struct OpenInput {
    /// Which of the inputs, counted from 0.
    pub(super) index: usize,
    pub(super) name: PathBuf,
    pub(super) reader: Box<dyn Read + Send>,
    /// Bytes of it that the run before has read.
    pub(super) offset: u64,
    /// Records after them that were done.
    pub(super) skip: u64,
    /// The number of its first record, if the run before began it.
    pub(super) first: Option<u64>,
}

/// The inputs at `paths`, each of which is opened when its turn comes; stdin, if there are none.
pub(super) fn open(paths: &[PathBuf]) -> anyhow::Result<Vec<OpenInput>> {
    let paths = if paths.is_empty() { &["-".into()][..] } else { paths };
    let inputs = paths.iter().enumerate().map(|(index, path)| {
        Ok(OpenInput { index, name: path.clone(), reader: reader(path)?, offset: 0, skip: 0, first: None })
    });
    inputs.collect()
}

fn reader(path: &Path) -> anyhow::Result<Box<dyn Read + Send>> {
    if path == Path::new("-") {
        return Ok(Box::new(files::stdin().context("can't read stdin")?));
    }
    let file = files::open_when_read(path).with_context(|| format!("can't read {}", path.display()))?;
    Ok(Box::new(file))
}

/// Leaves out the inputs that a checkpoint says are done, and what is done of the next one.
pub(super) fn go_to(inputs: &mut Vec<OpenInput>, start: &Checkpoint) -> anyhow::Result<()> {
    inputs.drain(..start.input.min(inputs.len()));
    if let Some(input) = inputs.first_mut().filter(|_| start.read > 0) {
        let cant = || format!("can't read {}", input.name.display());
        let mut file = files::open_file(&input.name).with_context(cant)?;
        file.seek(SeekFrom::Start(start.offset)).with_context(cant)?;
        (input.reader, input.offset, input.skip) = (Box::new(file), start.offset, start.skip);
        input.first = start.inputs.get(input.index).and_then(|known| known.first);
    }
    Ok(())
}

/// How many bytes there are to read, if all inputs are files: else 0, which says nothing.
pub(super) fn bytes(paths: &[PathBuf]) -> u64 {
    let size = |path: &Path| {
        let path = if path == Path::new("-") { Path::new("/dev/stdin") } else { path };
        files::known(path).ok().filter(Metadata::is_file).map(|metadata| metadata.len())
    };
    let sizes: Option<Vec<_>> = match paths {
        [] => size(Path::new("-")).map(|size| vec![size]),
        paths => paths.iter().map(|path| size(path)).collect(),
    };
    sizes.map_or(0, |sizes| sizes.iter().sum())
}

//! Inputs, written once and kept for the next time.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use crate::places::{Places, shown};

/// Numbers from 1 on, a line each.
pub(crate) fn numbers(places: &Places, records: u64) -> anyhow::Result<String> {
    let path = places.data(&format!("numbers-{records}"));
    once(&path, |file| (1..=records).try_for_each(|x| writeln!(file, "{x}")))?;
    Ok(shown(&path))
}

/// Lines of 1,023 letters: with its newline each is a kibibyte.
pub(crate) fn kibibytes(places: &Places, records: u64) -> anyhow::Result<String> {
    repeated(places, "kibibytes", 1023, records)
}

/// Lines of 100 letters.
pub(crate) fn hundreds(places: &Places, records: u64) -> anyhow::Result<String> {
    repeated(places, "hundreds", 100, records)
}

fn repeated(places: &Places, name: &str, length: usize, records: u64) -> anyhow::Result<String> {
    let path = places.data(&format!("{name}-{records}"));
    let mut line: Vec<u8> = (b'a'..=b'z').cycle().take(length).collect();
    line.push(b'\n');
    once(&path, |file| (0..records).try_for_each(|_| file.write_all(&line)))?;
    Ok(shown(&path))
}

/// JSON objects of some 300 bytes, which the native peer makes.
pub(crate) fn events(places: &Places, native: &str, records: u64) -> anyhow::Result<String> {
    let path = places.data(&format!("events-{records}"));
    if !path.exists() {
        let part = part(&path)?;
        let mut command = Command::new(native);
        command.args(["gen-json", &records.to_string()]).stdout(Stdio::from(File::create(&part)?));
        ensure!(command.status().context("can't make events")?.success(), "can't make events");
        fs::rename(part, &path)?;
    }
    Ok(shown(&path))
}

/// Writes a file under another name first, so that half a file is never taken for a whole one.
fn once(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>) -> anyhow::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let part = part(path)?;
    let mut file = BufWriter::with_capacity(1 << 20, File::create(&part)?);
    let written = write(&mut file).and_then(|()| file.flush());
    written.with_context(|| format!("can't write {}", part.display()))?;
    fs::rename(part, path)?;
    Ok(())
}

fn part(path: &Path) -> anyhow::Result<PathBuf> {
    let folder = path.parent().context("a file without a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    Ok(path.with_extension("part"))
}

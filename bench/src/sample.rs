//! One run of one program, and the figures that it gives.

use std::fs::{self, File};
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;
use wait4::Wait4;

use crate::case::Program;

/// The time and memory of a run.
pub(crate) struct Sample {
    time: Duration,
    /// The most memory that it had, in bytes.
    memory: u64,
    records: u64,
    /// The line of JSON that it printed, if it did.
    said: Option<Value>,
}

/// A figure of a sample. Less is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Figure {
    /// Seconds a record: of the time that the program took itself, else of the whole process.
    PerRecord,
    /// Seconds a record, of the time that calls of the first function took.
    PerRecordInGuest,
    /// Seconds, of the whole process.
    Time,
    /// Seconds, as the program reports them under this name.
    Reported(&'static str),
    /// Bytes.
    Memory,
}

impl Sample {
    /// Runs the program once.
    pub(crate) fn take(program: &Program) -> anyhow::Result<Self> {
        let (name, arguments) = program.command.split_first().context("a program without a name")?;
        if let Some(scratch) = &program.scratch
            && scratch.exists()
        {
            fs::remove_dir_all(scratch)?;
        }
        if let Some(output) = &program.output
            && output.exists()
        {
            fs::remove_file(output)?;
        }
        let mut command = Command::new(name);
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.stdin(match &program.stdin {
            Some(path) => File::open(path).with_context(|| format!("can't open {}", path.display()))?.into(),
            None => Stdio::null(),
        });
        if let Some(scratch) = &program.scratch {
            command.env("XDG_CACHE_HOME", scratch);
        }
        let begun = Instant::now();
        let mut child = command.spawn().with_context(|| format!("can't run {name}"))?;
        let mut stderr = child.stderr.take().context("no stderr")?;
        let mut stdout = child.stdout.take().context("no stdout")?;
        let errors = std::thread::spawn(move || {
            let mut text = Vec::new();
            stderr.read_to_end(&mut text).map(|_| text)
        });
        let mut printed = Vec::new();
        stdout.read_to_end(&mut printed)?;
        let ended = child.wait4().with_context(|| format!("can't wait for {name}"))?;
        let time = begun.elapsed();
        let errors = errors.join().map_err(|_| anyhow::anyhow!("the reader panicked"))??;
        let errors = String::from_utf8_lossy(&errors);
        ensure!(ended.status.success(), "{} failed:\n{errors}", program.command.join(" "));
        let said = [&printed[..], errors.as_bytes()].into_iter().find_map(last_json);
        let reported = said.as_ref().and_then(|said| said["records"].as_u64());
        let records = reported.unwrap_or(program.records);
        Ok(Self { time, memory: ended.rusage.maxrss, records, said })
    }

    pub(crate) fn figure(&self, figure: Figure) -> anyhow::Result<f64> {
        let records = self.records.max(1) as f64;
        Ok(match figure {
            // The engine's own summary has seconds as well, which leave out its start.
            Figure::PerRecord => self.reported("seconds").unwrap_or(self.time.as_secs_f64()) / records,
            Figure::PerRecordInGuest => {
                let function = self.said.as_ref().map(|said| &said["functions"][0]);
                let function = function.context("no function was reported")?;
                let seconds = function["seconds"].as_f64().context("no time was reported")?;
                seconds / function["records"].as_f64().context("no records were reported")?
            }
            Figure::Time => self.time.as_secs_f64(),
            Figure::Reported(name) => {
                self.reported(name).with_context(|| format!("{name} is not reported"))?
            }
            Figure::Memory => self.memory as f64,
        })
    }

    fn reported(&self, name: &str) -> Option<f64> {
        // The summary of a run is not the time that a program reports itself.
        self.said.as_ref().filter(|said| said.get("functions").is_none())?.get(name)?.as_f64()
    }
}

/// The last line, if it is a JSON object.
fn last_json(text: &[u8]) -> Option<Value> {
    let line = text.trim_ascii_end().rsplit(|byte| *byte == b'\n').next()?;
    serde_json::from_slice(line).ok().filter(Value::is_object)
}

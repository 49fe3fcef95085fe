//! Runs the programs of each case alternately.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;

use crate::case::{Bound, Case, Row};
use crate::cases::{self, Scale};
use crate::machine::Machine;
use crate::places::Places;
use crate::plot;
use crate::report::{self, Line};
use crate::sample::Sample;

#[derive(Args)]
pub(crate) struct Measure {
    /// Only these cases
    cases: Vec<String>,
    /// A tenth of the records, three rounds
    #[arg(long)]
    quick: bool,
    /// How often each program runs [default: 7, quick 3]
    #[arg(long)]
    rounds: Option<usize>,
    /// Write the table to this file, and beside it the plot
    #[arg(long)]
    results: Option<PathBuf>,
    #[command(flatten)]
    places: Places,
}

/// A case with all its figures.
pub(crate) struct Measured {
    pub(crate) name: &'static str,
    pub(crate) title: String,
    pub(crate) lines: Vec<Line>,
}

impl Measure {
    pub(crate) fn execute(&self) -> anyhow::Result<()> {
        let cases = cases::all(&self.places, &Scale { quick: self.quick })?;
        if let Some(unknown) = self.cases.iter().find(|name| cases.iter().all(|case| case.name != **name)) {
            let names: Vec<_> = cases.iter().map(|case| case.name).collect();
            bail!("there is no case {unknown}: there are {}", names.join(", "));
        }
        let rounds = self.rounds.unwrap_or(if self.quick { 3 } else { 7 }).max(1);
        let mut all = Vec::new();
        for case in cases {
            if case.programs.is_empty()
                || !(self.cases.is_empty() || self.cases.iter().any(|name| name == case.name))
            {
                continue;
            }
            let measured = measure(&case, rounds).with_context(|| format!("in the case {}", case.name))?;
            report::print(&measured);
            all.push(measured);
        }
        if let Some(path) = &self.results {
            let machine = Machine::look(rounds, self.quick);
            report::write(path, &machine, &all)?;
            plot::write(&path.with_file_name("speed.svg"), &all)?;
        }
        Ok(())
    }
}

/// A run of each to warm up, then rounds in which each runs once. What takes long is not warmed up.
fn measure(case: &Case, rounds: usize) -> anyhow::Result<Measured> {
    for program in case.programs.iter().filter(|program| !program.slow) {
        Sample::take(program)?;
    }
    let round = |_| case.programs.iter().map(Sample::take).collect::<anyhow::Result<Vec<_>>>();
    let rounds = (0..rounds).map(round).collect::<anyhow::Result<Vec<_>>>()?;
    let lines = case.rows.iter().map(|row| line(case, row, &rounds)).collect::<anyhow::Result<_>>()?;
    Ok(Measured { name: case.name, title: case.title.clone(), lines })
}

fn line(case: &Case, row: &Row, rounds: &[Vec<Sample>]) -> anyhow::Result<Line> {
    let figures = |program: usize, figure| {
        rounds.iter().map(|samples| samples[program].figure(figure)).collect::<anyhow::Result<Vec<_>>>()
    };
    let ours = figures(row.ours, row.figure)?;
    let (rival, ratios, speed, limit) = match row.bound {
        Bound::AtMost(limit) => (None, Vec::new(), None, Some(limit)),
        Bound::Rival { program, speed } => {
            // What a rival says of itself is its time per record, whatever ours is.
            let figure = crate::sample::Figure::PerRecord;
            let figure = if row.figure == crate::sample::Figure::Time { row.figure } else { figure };
            let theirs = figures(program, figure)?;
            let ratios = ours.iter().zip(&theirs).map(|(ours, theirs)| theirs / ours).collect();
            (Some((case.programs[program].name.clone(), median(theirs))), ratios, speed, None)
        }
    };
    Ok(Line { what: row.what.clone(), figure: row.figure, ours: median(ours), rival, ratios, speed, limit })
}

/// The middle one; of an even number the lower of two.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get((figures.len().max(1) - 1) / 2).copied().unwrap_or(f64::NAN)
}

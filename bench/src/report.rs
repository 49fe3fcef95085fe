//! The table, for a terminal and as Markdown.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::machine::Machine;
use crate::measure::{Measured, median};
use crate::sample::Figure;

/// A figure, and what it is compared with.
pub(crate) struct Line {
    pub(crate) what: String,
    pub(crate) figure: Figure,
    /// The median.
    pub(crate) ours: f64,
    /// The rival's name and its median.
    pub(crate) rival: Option<(String, f64)>,
    /// How many times as fast as the rival, of each round.
    pub(crate) ratios: Vec<f64>,
    /// How many times as fast as the rival it should be.
    pub(crate) speed: Option<f64>,
    /// The most that it may be.
    pub(crate) limit: Option<f64>,
}

impl Line {
    /// How many times as fast as the rival: the median of all rounds.
    pub(crate) fn ratio(&self) -> Option<f64> {
        (!self.ratios.is_empty()).then(|| median(self.ratios.clone()))
    }

    fn spread(&self) -> String {
        let least = self.ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.ratios.iter().copied().fold(0.0, f64::max);
        if self.ratios.is_empty() { String::new() } else { format!("{} … {}", times(least), times(most)) }
    }

    fn target(&self) -> String {
        match (self.speed, self.limit) {
            (Some(speed), _) => format!("≥ {}", times(speed)),
            (_, Some(limit)) => format!("≤ {}", self.shown(limit)),
            _ => String::new(),
        }
    }

    /// Whether the target is reached, if there is one.
    fn reached(&self) -> Option<bool> {
        match (self.speed, self.limit) {
            (Some(speed), _) => Some(self.ratio()? >= speed),
            (_, Some(limit)) => Some(self.ours <= limit),
            _ => None,
        }
    }

    fn mark(&self) -> &'static str {
        match self.reached() {
            Some(true) => "✓",
            Some(false) => "✗",
            None => "",
        }
    }

    fn shown(&self, figure: f64) -> String {
        match self.figure {
            Figure::Memory => format!("{:.0} MiB", figure / f64::from(1 << 20)),
            Figure::Time | Figure::Reported(_) => time(figure),
            Figure::PerRecord | Figure::PerRecordInGuest => time(figure),
        }
    }

    fn cells(&self) -> [String; 7] {
        let (rival, theirs) = match &self.rival {
            Some((name, figure)) => (name.clone(), self.shown(*figure)),
            None => Default::default(),
        };
        let ratio = self.ratio().map(times).unwrap_or_default();
        let target = format!("{} {}", self.target(), self.mark());
        [
            self.what.clone(),
            self.shown(self.ours),
            rival,
            theirs,
            ratio,
            self.spread(),
            target.trim().to_owned(),
        ]
    }
}

const HEAD: [&str; 7] = ["", "engine", "rival", "", "speed", "lowest … highest", "target"];

#[expect(clippy::print_stdout, reason = "it is what a person waits for")]
pub(crate) fn print(measured: &Measured) {
    println!("\n{} ({})", measured.title, measured.name);
    for line in &measured.lines {
        let [what, ours, rival, theirs, ratio, spread, target] = line.cells();
        println!("  {what}: {ours}");
        if !rival.is_empty() {
            println!("    {rival}: {theirs}, speed {ratio} ({spread})");
        }
        if !target.is_empty() {
            println!("    target {target}");
        }
    }
}

/// Writes the table as Markdown.
pub(crate) fn write(path: &Path, machine: &Machine, all: &[Measured]) -> anyhow::Result<()> {
    let mut text = String::from(
        "# Results\n\n`cargo xtask bench` writes this page. [README.md](README.md) says what is measured, and how.\n\
         Figures are medians. The speed is the median of the ratios within each round: 2 × is twice as fast as the \
         rival.\nCompare only figures of the same line, since machines differ.\n\n",
    );
    text += "| | |\n|---|---|\n";
    for (name, value) in &machine.facts {
        writeln!(text, "| {name} | {value} |")?;
    }
    for measured in all {
        write!(text, "\n## {}\n\n", measured.title)?;
        writeln!(text, "| {} |\n|---|--:|---|--:|--:|--:|---|", HEAD.join(" | "))?;
        for line in &measured.lines {
            let cells = line.cells().map(|cell| cell.replace('|', "\\|"));
            writeln!(text, "| {} |", cells.join(" | "))?;
        }
    }
    fs::write(path, text).with_context(|| format!("can't write {}", path.display()))
}

/// `1.06 s`, `17.4 ns`.
fn time(seconds: f64) -> String {
    let (figure, unit) = match seconds {
        1.0.. => (seconds, "s"),
        1e-3.. => (seconds * 1e3, "ms"),
        1e-6.. => (seconds * 1e6, "µs"),
        _ => (seconds * 1e9, "ns"),
    };
    let digits = if figure >= 100.0 {
        0
    } else if figure >= 10.0 {
        1
    } else {
        2
    };
    format!("{figure:.digits$} {unit}")
}

/// `0.64 ×`, `12 ×`, `2,100 ×`.
pub(crate) fn times(ratio: f64) -> String {
    match ratio {
        1000.0.. => format!("{},{:03} ×", ratio as u64 / 1000, ratio as u64 % 1000),
        20.0.. => format!("{ratio:.0} ×"),
        5.0.. => format!("{ratio:.1} ×"),
        _ => format!("{ratio:.2} ×"),
    }
}

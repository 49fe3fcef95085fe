//! The cases: which programs do the same work, and how fast the engine should be compared with them.

mod alone;
mod clusters;
mod elements;
mod records;

use anyhow::Context;

use self::alone::{growth, limits, neighbour, sleepers, start, wall, workers};
use self::clusters::{cluster, cluster_workers};
use self::elements::{chain, local, round_trip, single, ten_maps};
use self::records::{guest, identity, json, lines, pipeline};
use crate::case::{Case, Program, Row};
use crate::places::{Places, shown};
use crate::sample::Figure::{PerRecord, Time};

const MIB: f64 = (1 << 20) as f64;

/// How large the inputs are.
pub(crate) struct Scale {
    /// In full, or a tenth of it.
    pub(crate) quick: bool,
}

impl Scale {
    fn of(&self, records: u64) -> u64 {
        if self.quick { records / 10 } else { records }
    }
}

/// All cases, without the rivals that are not built.
pub(crate) fn all(places: &Places, scale: &Scale) -> anyhow::Result<Vec<Case>> {
    let make: [fn(&Places, &Scale) -> anyhow::Result<Case>; 19] = [
        guest,
        lines,
        pipeline,
        limits,
        wall,
        json,
        identity,
        single,
        local,
        ten_maps,
        chain,
        round_trip,
        workers,
        neighbour,
        growth,
        start,
        sleepers,
        cluster,
        cluster_workers,
    ];
    make.iter().map(|make| make(places, scale)).collect()
}

/// `engine run` with the plugin, from a file.
fn run(places: &Places, plugin: &str, input: &str, more: &[&str]) -> Program {
    let (engine, plugin) = (places.engine(), places.plugin(plugin));
    let command = [engine.as_str(), "run", "-p", &plugin, "-i", input];
    Program::new("engine", command.iter().chain(more))
}

/// Arguments that read an input, given once already, nine times more.
fn ten_times<'a>(input: &'a str, output: &'a str) -> Vec<&'a str> {
    std::iter::repeat_n(input, 9).chain(["-o", output]).collect()
}

/// The program that uses the library, for one case.
fn library(places: &Places, arguments: &[&str], records: u64) -> anyhow::Result<Program> {
    let this = std::env::current_exe().context("can't tell what this program is")?;
    let command = [shown(&this), "work".into(), places.plugin("inc")];
    let arguments = arguments.iter().map(ToString::to_string).chain([records.to_string()]);
    Ok(Program::new("engine", command.into_iter().chain(arguments)))
}

/// Programs with the speed that the engine should have compared with each. The engine is the first one.
struct Rivals {
    case: Case,
    what: &'static str,
}

impl Rivals {
    fn new(name: &'static str, title: String, what: &'static str, engine: Program) -> Self {
        Self { case: Case { name, title, programs: vec![engine], rows: Vec::new() }, what }
    }

    /// Adds a rival, if it is built; the engine should be at least `speed` times as fast.
    fn add(mut self, rival: Option<Program>, speed: impl Into<Option<f64>>) -> Self {
        if let Some(rival) = rival {
            let figure = if self.case.name == "start" { Time } else { PerRecord };
            self.case.rows.push(Row::against(self.what, figure, self.case.programs.len(), speed));
            self.case.programs.push(rival);
        }
        self
    }

    fn row(mut self, row: Row) -> Self {
        self.case.rows.push(row);
        self
    }
}

fn dask(places: &Places, name: &str, arguments: &[&str]) -> Option<Program> {
    let command = places.dask()?.into_iter().chain(arguments.iter().map(ToString::to_string));
    Some(Program::new(name, command).slow())
}

/// As many as the engine has threads by default.
fn threads() -> String {
    std::thread::available_parallelism().map_or(1, usize::from).to_string()
}

/// `20 M`, `300,000`.
fn millions(n: u64) -> String {
    match n {
        1_000_000.. => format!("{} M", n / 1_000_000),
        1000.. => format!("{},{:03}", n / 1000, n % 1000),
        _ => n.to_string(),
    }
}

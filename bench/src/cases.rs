//! The cases: which programs do the same work, and how the engine is to do beside them.

use anyhow::Context;

use crate::case::{Case, Program, Row};
use crate::inputs;
use crate::places::{Places, shown};
use crate::sample::Figure::{Memory, PerRecord, PerRecordInGuest, Reported, Time};

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
    let make: [fn(&Places, &Scale) -> anyhow::Result<Case>; 13] = [
        guest, lines, limits, json, identity, single, chain, round_trip, workers, neighbour, growth, start,
        sleepers,
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

/// The library's part in a case.
fn library(places: &Places, arguments: &[&str], records: u64) -> anyhow::Result<Program> {
    let this = std::env::current_exe().context("can't tell what this program is")?;
    let command = [shown(&this), "work".into(), places.plugin("inc")];
    let arguments = arguments.iter().map(ToString::to_string).chain([records.to_string()]);
    Ok(Program::new("engine", command.into_iter().chain(arguments)))
}

/// Rivals with what is asked of the engine beside them. The engine is the first program.
struct Rivals {
    case: Case,
    what: &'static str,
}

impl Rivals {
    fn new(name: &'static str, title: String, what: &'static str, engine: Program) -> Self {
        Self { case: Case { name, title, programs: vec![engine], rows: Vec::new() }, what }
    }

    /// Adds a rival that is there; the engine's `speed` is to be at least so many times its own.
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

fn guest(places: &Places, scale: &Scale) -> anyhow::Result<Case> {
    let records = scale.of(20_000_000);
    let input = inputs::numbers(places, records)?;
    let engine = run(places, "inc", &input, &["-w", "1", "-o", "/dev/null", "--json"]);
    let mut case = Case {
        name: "guest",
        title: "Adding one to numbers as text, in full batches, one worker".into(),
        programs: vec![engine.records(records)],
        rows: Vec::new(),
    };
    let native = places.peer("native").map(|native| {
        (Program::new("native loop", [native, "loop-inc".into(), records.to_string()]), Some(1.0 / 1.5))
    });
    let arrow = places.peer("arrow-udf-peer").zip(places.guest("wasm32-wasip1", "arrow_udf_guest"));
    let arrow = arrow.map(|(peer, guest)| {
        let command = [peer, guest, "text".into(), "8192".into(), scale.of(10_000_000).to_string()];
        (Program::new("arrow-udf, text columns", command), None)
    });
    for (rival, speed) in native.into_iter().chain(arrow) {
        case.rows.push(Row::against(
            "in the guest, copies in and out included",
            PerRecordInGuest,
            case.programs.len(),
            speed,
        ));
        case.programs.push(rival);
    }
    Ok(case)
}

fn lines(places: &Places, scale: &Scale) -> anyhow::Result<Case> {
    let records = scale.of(20_000_000);
    let input = inputs::numbers(places, records)?;
    let file = places.data("output");
    let output = shown(&file);
    let engine = run(places, "inc", &input, &["-o", &output]).records(records).writing(file.clone());
    let threads = threads();
    let native = places.peer("native").map(|native| {
        Program::new("native program", [&native, "inc", &input, &output, &threads])
            .records(records)
            .writing(file.clone())
    });
    let script = format!("awk '{{print $1+1}}' '{input}' > '{output}'");
    let awk = Program::new("awk", ["sh", "-c", &script]).records(records).writing(file.clone()).slow();
    let fluvio =
        places.peer("fluvio-peer").zip(places.guest("wasm32-wasip1", "fluvio_guest")).map(|(peer, guest)| {
            Program::new("Fluvio, batches of 1,024", [&peer, &guest, "file", &input, &output, "1024"])
                .records(records)
                .writing(file.clone())
                .slow()
        });
    let title = format!("Adding one to {} lines, file to file", millions(records));
    let rivals = Rivals::new("lines", title, "time a record", engine)
        .add(native, 0.6)
        .add(Some(awk), None)
        .add(fluvio, 10.0);
    let mut case = rivals.row(Row::at_most("memory", Memory, 40.0 * MIB)).case;
    let ten_times = ten_times(&input, &output);
    case.programs.push(run(places, "inc", &input, &ten_times).records(10 * records).writing(file).slow());
    let last = case.programs.len() - 1;
    case.rows.push(Row::at_most("memory with ten times the input", Memory, 40.0 * MIB).of(last));
    Ok(case)
}

fn limits(places: &Places, scale: &Scale) -> anyhow::Result<Case> {
    let records = scale.of(20_000_000);
    let input = inputs::numbers(places, records)?;
    let file = places.data("output");
    let output = shown(&file);
    let program = |name: &str, more: &[&str]| {
        let arguments = [&["lines", &input, &output], more].concat();
        let program = library(places, &arguments, records)?.writing(file.clone());
        anyhow::Ok(Program { name: name.into(), ..program })
    };
    let one = ["--workers", "1"];
    let title = format!("The price of limits: adding one to {} lines, file to file", millions(records));
    let with = program("engine, all limits", &[])?;
    let mut case = Rivals::new("limits", title, "time a record", with)
        .add(Some(program("engine, none", &["--without-limits"])?), 0.9)
        .case;
    // Without limits a guest does not give its thread back now and then, and the second worker begins
    // later: one worker tells the price of limits alone.
    case.programs.push(program("engine, all limits, one worker", &one)?);
    case.programs.push(program("engine, none, one worker", &[&one[..], &["--without-limits"]].concat())?);
    case.rows.push(Row::against("time a record, one worker", PerRecord, 3, 0.9).of(2));
    Ok(case)
}

fn json(places: &Places, scale: &Scale) -> anyhow::Result<Case> {
    let records = scale.of(1_000_000);
    let title = format!("Changing a field of {} JSON objects of 300 bytes, file to file", millions(records));
    let Some(native) = places.peer("native") else {
        return Ok(Case { name: "json", title, programs: Vec::new(), rows: Vec::new() });
    };
    let input = inputs::events(places, &native, records)?;
    let file = places.data("output");
    let output = shown(&file);
    let engine = run(places, "event", &input, &["-o", &output]).records(records).writing(file.clone());
    let native = Program::new("native program", [&native, "json", &input, &output, &threads()])
        .records(records)
        .writing(file);
    Ok(Rivals::new("json", title, "time a record", engine).add(Some(native), 0.6).case)
}

fn identity(places: &Places, scale: &Scale) -> anyhow::Result<Case> {
    let records = scale.of(1 << 20);
    let input = inputs::kibibytes(places, records)?;
    let engine = run(places, "identity", &input, &["-o", "/dev/null"]).records(records);
    let script = format!("cat '{input}' | cat > /dev/null");
    let cat = Program::new("cat FILE | cat", ["sh", "-c", &script]).records(records);
    let title = format!("Giving {} records of 1 KiB back", millions(records));
    Ok(Rivals::new("identity", title, "time a record", engine).add(Some(cat), 0.5).case)
}

fn single(places: &Places, scale: &Scale) -> anyhow::Result<Case> {
    let fluvio = places.peer("fluvio-peer").zip(places.guest("wasm32-wasip1", "fluvio_guest"));
    let fluvio = fluvio.map(|(peer, guest)| {
        Program::new("Fluvio", [peer, guest, "single".into(), scale.of(1_000_000).to_string()])
    });
    let extism = places.peer("extism-peer").zip(places.guest("wasm32-unknown-unknown", "extism_guest"));
    let extism = extism.map(|(peer, guest)| {
        Program::new("Extism", [peer, guest, "single".into(), scale.of(300_000).to_string()])
    });
    let engine = library(places, &["single"], scale.of(1_000_000))?;
    let title = "One record a call, one instance".to_owned();
    Ok(Rivals::new("single", title, "emit to sink", engine).add(fluvio, 2.0).add(extism, 10.0).case)
}

fn chain(places: &Places, scale: &Scale) -> anyhow::Result<Case> {
    let records = scale.of(1_000).to_string();
    let one_by_one = dask(places, "streamz with Dask", &["chain", &records]);
    let records = scale.of(50_000).to_string();
    let by_hundreds = dask(places, "the same with partition(100)", &["partition", &records]);
    let engine = library(places, &["chain"], scale.of(1_000_000))?;
    let from_main = library(places, &["chain", "--main"], scale.of(1_000_000))?;
    let title = "scatter, map, buffer(8), gather, an element each".to_owned();
    let rivals = Rivals::new("chain", title, "emit to sink, from a task", engine);
    let mut case = rivals.add(one_by_one, 1000.0).add(by_hundreds, None).case;
    if case.programs.len() > 1 {
        let row = Row::against("emit to sink, from the main thread", PerRecord, 1, None);
        case.rows.push(row.of(case.programs.len()));
        case.programs.push(from_main);
    }
    Ok(case)
}

fn round_trip(places: &Places, scale: &Scale) -> anyhow::Result<Case> {
    let engine = library(places, &["round-trip"], scale.of(5_000))?;
    let dask = dask(places, "Dask, a task", &["round-trip", &scale.of(500).to_string()]);
    let title = "One element through scatter and gather, nothing else under way".to_owned();
    let mut case = Rivals::new("round-trip", title, "", engine).case;
    case.rows.push(Row::at_most("median", Reported("p50"), 15e-6));
    case.rows.push(Row::at_most("99 of 100", Reported("p99"), 150e-6));
    if let Some(dask) = dask {
        case.rows.push(Row::against("mean", Reported("mean"), 1, None));
        case.programs.push(dask);
    }
    Ok(case)
}

fn workers(places: &Places, scale: &Scale) -> anyhow::Result<Case> {
    let records = scale.of(300_000);
    let input = inputs::numbers(places, records)?;
    let program = |workers| run(places, "spin", &input, &["-w", workers, "-o", "/dev/null"]).records(records);
    let two = Program { name: "engine, 2 workers".into(), ..program("2") };
    let one = Program { name: "engine, 1 worker".into(), ..program("1") };
    let title = "A function that takes some 10 µs, one worker and two".to_owned();
    Ok(Rivals::new("workers", title, "time a record", two).add(Some(one), 1.85).case)
}

fn neighbour(places: &Places, scale: &Scale) -> anyhow::Result<Case> {
    let (spin, records) = (places.plugin("spin"), scale.of(300_000));
    let beside = library(places, &["neighbour", &spin], records)?;
    let beside = Program { name: "engine, beside another".into(), ..beside };
    let alone = library(places, &["neighbour", &spin, "--alone"], records)?;
    let alone = Program { name: "engine, alone".into(), ..alone };
    let title = "A pipeline beside one of the same pool that never has enough".to_owned();
    // Half of the pool is its share.
    Ok(Rivals::new("neighbour", title, "time a record", beside).add(Some(alone), 0.45).case)
}

fn growth(places: &Places, scale: &Scale) -> anyhow::Result<Case> {
    let few = scale.of(10_000_000);
    // The same lines ten times: numbers that count on would have a digit more.
    let input = inputs::numbers(places, few)?;
    let file = places.data("output");
    let output = shown(&file);
    let named = |records, more: &[&str]| Program {
        name: format!("engine, {} lines", millions(records)),
        ..run(places, "inc", &input, more).records(records).writing(file.clone())
    };
    let title = "Ten times the records".to_owned();
    let many = named(10 * few, &ten_times(&input, "/dev/null"));
    let few_to_null = named(few, &["-o", "/dev/null"]);
    let mut case =
        Rivals::new("growth", title, "time a record, to /dev/null", many).add(Some(few_to_null), 0.9).case;
    // The system writes a large file to the disk while the run goes on, as it does for any program.
    case.programs.extend([named(10 * few, &ten_times(&input, &output)), named(few, &["-o", &output])]);
    case.rows.push(Row::against("time a record, to a file", PerRecord, 3, None).of(2));
    Ok(case)
}

fn start(places: &Places, _: &Scale) -> anyhow::Result<Case> {
    let line = inputs::numbers(places, 1)?;
    let (engine, plugin) = (places.engine(), places.plugin("inc"));
    let engine = || Program::new("engine", [&engine, "run", "-p", &plugin]).reading(line.clone().into());
    let python = Program::new("python3 -c pass", ["/usr/bin/python3", "-c", "pass"]);
    let cold = Program { name: "engine, nothing compiled before".into(), ..engine() };
    let title = "One line, start to end".to_owned();
    let mut case =
        Rivals::new("start", title, "plugin compiled before", engine()).add(Some(python), 1.0).case;
    case.programs.push(cold.emptying(places.data("cache")));
    case.rows.push(Row::at_most("compiled now", Time, 0.3).of(2));
    Ok(case)
}

fn sleepers(places: &Places, _: &Scale) -> anyhow::Result<Case> {
    let (ten, many) = (inputs::numbers(places, 10)?, inputs::numbers(places, 10_000)?);
    let program =
        |input: &str, more: &[&str]| run(places, "slow-inc", input, &[more, &["-o", "/dev/null"]].concat());
    let mut case = Case {
        name: "sleepers",
        title: "A function that sleeps for a second".into(),
        programs: vec![program(&ten, &[]).records(10), program(&many, &["-b", "10000"]).records(10_000)],
        rows: vec![
            Row::at_most("10 records, default flags", Time, 1.1),
            Row::at_most("10,000 records, --buffer 10000", Time, 2.0).of(1),
            Row::at_most("10,000 records, memory", Memory, 2048.0 * MIB).of(1),
        ],
    };
    if let Some(dask) = dask(places, "streamz with Dask, its defaults", &["sleepers", "10"]) {
        case.rows.push(Row::against("10 records, time a record", PerRecord, 2, None));
        case.programs.push(dask);
    }
    Ok(case)
}

/// As many as the engine has workers by default.
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

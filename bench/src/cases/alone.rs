//! The engine compared with itself: what limits, threads, neighbours, long inputs and starts cost.

use super::{MIB, Rivals, Scale, dask, library, millions, run, ten_times};
use crate::case::{Case, Program, Row};
use crate::inputs;
use crate::places::{Places, shown};
use crate::sample::Figure::{Memory, PerRecord, Time};

pub(super) fn limits(places: &Places, scale: &Scale) -> anyhow::Result<Case> {
    let records = scale.of(20_000_000);
    let input = inputs::numbers(places, records)?;
    let file = places.data("output");
    let output = shown(&file);
    let program = |name: &str, more: &[&str]| {
        let arguments = [&["lines", &input, &output], more].concat();
        let program = library(places, &arguments, records)?.writing(file.clone());
        anyhow::Ok(Program { name: name.into(), ..program })
    };
    let one = ["--threads", "1"];
    let title = format!("The price of limits: adding one to {} lines, file to file", millions(records));
    let with = program("engine, all limits", &[])?;
    let mut case = Rivals::new("limits", title, "time per record", with)
        .add(Some(program("engine, none", &["--without-limits"])?), 0.9)
        .case;
    // Without limits a guest keeps its thread for longer, so the second thread starts later: a run with one
    // thread shows the cost of limits alone.
    case.programs.push(program("engine, all limits, one thread", &one)?);
    case.programs.push(program("engine, none, one thread", &[&one[..], &["--without-limits"]].concat())?);
    case.rows.push(Row::against("time per record, one thread", PerRecord, 3, 0.9).of(2));
    Ok(case)
}

/// The second wall: what it costs lines, and a start.
pub(super) fn wall(places: &Places, scale: &Scale) -> anyhow::Result<Case> {
    let records = scale.of(20_000_000);
    let (input, line) = (inputs::numbers(places, records)?, inputs::numbers(places, 1)?);
    let lines = |name: &str, more: &[&str]| {
        let arguments = [more, &["-o", "/dev/null"]].concat();
        Program { name: name.into(), ..run(places, "inc", &input, &arguments).records(records) }
    };
    let start = |name: &str, more: &[&str]| Program { name: name.into(), ..run(places, "inc", &line, more) };
    let title = format!("The second wall: adding one to {} lines, and to one", millions(records));
    let with = lines("engine, wall on", &[]);
    let without = lines("engine, wall off", &["--wall", "off"]);
    let mut case = Rivals::new("wall", title, "time per record", with).add(Some(without), 0.97).case;
    case.programs.extend([start("one line, wall on", &[]), start("one line, wall off", &["--wall", "off"])]);
    case.rows.push(Row::against("one line, start to end", Time, 3, 0.8).of(2));
    Ok(case)
}

pub(super) fn workers(places: &Places, scale: &Scale) -> anyhow::Result<Case> {
    let records = scale.of(300_000);
    let input = inputs::numbers(places, records)?;
    let program = |workers| run(places, "spin", &input, &["-t", workers, "-o", "/dev/null"]).records(records);
    let two = Program { name: "engine, 2 threads".into(), ..program("2") };
    let one = Program { name: "engine, 1 thread".into(), ..program("1") };
    let title = "A function that takes about 10 µs, one thread and two".to_owned();
    Ok(Rivals::new("workers", title, "time per record", two).add(Some(one), 1.85).case)
}

pub(super) fn neighbour(places: &Places, scale: &Scale) -> anyhow::Result<Case> {
    let (spin, records) = (places.plugin("spin"), scale.of(300_000));
    let beside = library(places, &["neighbour", &spin], records)?;
    let beside = Program { name: "engine, beside another".into(), ..beside };
    let alone = library(places, &["neighbour", &spin, "--alone"], records)?;
    let alone = Program { name: "engine, alone".into(), ..alone };
    let title = "A pipeline beside one of the same pool that never has enough".to_owned();
    // Its share is half of the pool.
    Ok(Rivals::new("neighbour", title, "time per record", beside).add(Some(alone), 0.45).case)
}

pub(super) fn growth(places: &Places, scale: &Scale) -> anyhow::Result<Case> {
    let few = scale.of(10_000_000);
    // The same lines ten times: numbers that continue would have one digit more.
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
        Rivals::new("growth", title, "time per record, to /dev/null", many).add(Some(few_to_null), 0.9).case;
    // The system writes a large file to the disk while the run goes on, as it does for any program.
    case.programs.extend([named(10 * few, &ten_times(&input, &output)), named(few, &["-o", &output])]);
    case.rows.push(Row::against("time per record, to a file", PerRecord, 3, None).of(2));
    Ok(case)
}

pub(super) fn start(places: &Places, _: &Scale) -> anyhow::Result<Case> {
    let line = inputs::numbers(places, 1)?;
    let (engine, plugin) = (places.engine(), places.plugin("inc"));
    let engine = || Program::new("engine", [&engine, "run", "-p", &plugin]).reading(line.clone().into());
    let python = Program::new("python3 -c pass", ["/usr/bin/python3", "-c", "pass"]);
    let cold = Program { name: "engine, nothing compiled before".into(), ..engine() };
    let title = "One line, start to end".to_owned();
    let mut case =
        Rivals::new("start", title, "with the plugin in the cache", engine()).add(Some(python), 1.0).case;
    case.programs.push(cold.emptying(places.data("cache")));
    case.rows.push(Row::at_most("with the plugin compiled first", Time, 0.3).of(2));
    Ok(case)
}

pub(super) fn sleepers(places: &Places, _: &Scale) -> anyhow::Result<Case> {
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
        case.rows.push(Row::against("10 records, time per record", PerRecord, 2, None));
        case.programs.push(dask);
    }
    Ok(case)
}

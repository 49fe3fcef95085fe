//! A cluster on one machine: a broker, workers with one thread each, and a host.

use anyhow::Context;

use super::{Rivals, Scale, dask, millions, run};
use crate::case::{Case, Program, Row};
use crate::inputs;
use crate::places::{Places, shown};
use crate::sample::Figure::PerRecord;

/// A run over a cluster, if there is a broker.
fn over(
    places: &Places,
    name: &str,
    plugin: &str,
    (input, records): (&str, u64),
    more: &[&str],
) -> anyhow::Result<Option<Program>> {
    let this = std::env::current_exe().context("can't tell what this program is")?;
    let Some(server) = places.nats() else { return Ok(None) };
    let file = places.data("output");
    let command = [&shown(&this), "cluster", &places.engine(), &server, &places.plugin(plugin), input];
    let command = command.into_iter().map(str::to_owned);
    let command =
        command.chain([shown(&file), records.to_string()]).chain(more.iter().map(ToString::to_string));
    Ok(Some(Program::new(name, command).writing(file)))
}

pub(super) fn cluster(places: &Places, scale: &Scale) -> anyhow::Result<Case> {
    let records = scale.of(5_000_000);
    let input = inputs::hundreds(places, records)?;
    let file = places.data("output");
    let title = format!("A cluster: {} records of 100 bytes, each given back as it is", millions(records));
    let input = (&*input, records);
    let Some(engine) = over(places, "engine, 2 workers", "identity", input, &[])? else {
        return Ok(Case { name: "cluster", title, programs: Vec::new(), rows: Vec::new() });
    };
    let dask = dask(places, "Dask, 10,000 a task by hand", &["batches", &records.to_string()]);
    let mut case = Rivals::new("cluster", title, "time per record", engine).add(dask, 0.5).case;
    let target =
        Row { bound: crate::case::Bound::AtMost(1e-6), ..Row::at_most("time per record", PerRecord, 0.0) };
    case.rows.insert(0, target);
    let beside = [
        ("engine, the broker in memory", vec!["--", "--in-memory"]),
        ("engine, one worker", vec!["--workers", "1"]),
        ("engine, the broker waits for the disk", vec!["--sync-always"]),
    ];
    for (name, more) in beside {
        let place = case.programs.len();
        case.programs.extend(over(places, name, "identity", input, &more)?);
        case.rows.push(Row::against("time per record, 2 workers, durable", PerRecord, place, None));
    }
    let place = case.programs.len();
    let local = run(places, "identity", input.0, &["-t", "2", "-o", &shown(&file)]).records(records);
    case.programs.push(Program { name: "engine, the pool of one process".into(), ..local.writing(file) });
    case.rows.push(Row::against("time per record, 2 workers, durable", PerRecord, place, None));
    Ok(case)
}

pub(super) fn cluster_workers(places: &Places, scale: &Scale) -> anyhow::Result<Case> {
    let records = scale.of(30_000);
    let input = inputs::numbers(places, records)?;
    let title = "A cluster: a function that takes about 1 ms, one worker and two".to_owned();
    let rounds = ["--arg", "rounds=800000", "--workers"];
    let program = |name: &str, workers| {
        over(places, name, "spin", (&input, records), &[&rounds[..], &[workers]].concat())
    };
    let Some(two) = program("engine, 2 workers", "2")? else {
        return Ok(Case { name: "cluster-workers", title, programs: Vec::new(), rows: Vec::new() });
    };
    Ok(Rivals::new("cluster-workers", title, "time per record", two)
        .add(program("engine, 1 worker", "1")?, 1.9)
        .case)
}

//! An element at a time, as users of the library emit them.

use super::{Rivals, Scale, dask, library};
use crate::case::{Case, Program, Row};
use crate::places::Places;
use crate::sample::Figure::{PerRecord, Reported};

pub(super) fn single(places: &Places, scale: &Scale) -> anyhow::Result<Case> {
    let fluvio = places.peer("fluvio-peer").zip(places.guest("wasm32-wasip1", "fluvio_guest"));
    let fluvio = fluvio.map(|(peer, guest)| {
        Program::new("Fluvio", [peer, guest, "single".into(), scale.of(1_000_000).to_string()])
    });
    let extism = places.peer("extism-peer").zip(places.guest("wasm32-unknown-unknown", "extism_guest"));
    let extism = extism.map(|(peer, guest)| {
        Program::new("Extism", [peer, guest, "single".into(), scale.of(300_000).to_string()])
    });
    let engine = library(places, &["single"], scale.of(1_000_000))?;
    let title = "One record per call, one instance".to_owned();
    Ok(Rivals::new("single", title, "emit to sink", engine).add(fluvio, 2.0).add(extism, 10.0).case)
}

pub(super) fn local(places: &Places, scale: &Scale) -> anyhow::Result<Case> {
    closures(places, scale, "local", 1, "map, sink, with a closure, element by element")
}

pub(super) fn ten_maps(places: &Places, scale: &Scale) -> anyhow::Result<Case> {
    closures(places, scale, "ten-maps", 10, "Ten maps in a row, sink, with closures, element by element")
}

fn closures(
    places: &Places,
    scale: &Scale,
    name: &'static str,
    maps: u64,
    title: &str,
) -> anyhow::Result<Case> {
    let maps = maps.to_string();
    let engine = library(places, &["local", "--maps", &maps], scale.of(5_000_000))?;
    let records = scale.of(300_000).to_string();
    let streamz = dask(places, "streamz", &["local", &records, "--maps", &maps]);
    Ok(Rivals::new(name, title.to_owned(), "emit to sink", engine).add(streamz, 10.0).case)
}

pub(super) fn chain(places: &Places, scale: &Scale) -> anyhow::Result<Case> {
    let records = scale.of(1_000).to_string();
    let one_by_one = dask(places, "streamz with Dask", &["chain", &records]);
    let records = scale.of(50_000).to_string();
    let by_hundreds = dask(places, "the same with partition(100)", &["partition", &records]);
    let engine = library(places, &["chain"], scale.of(1_000_000))?;
    let from_main = library(places, &["chain", "--main"], scale.of(1_000_000))?;
    let title = "scatter, map, buffer(8), gather, element by element".to_owned();
    let rivals = Rivals::new("chain", title, "emit to sink, from a task", engine);
    let mut case = rivals.add(one_by_one, 1000.0).add(by_hundreds, None).case;
    if case.programs.len() > 1 {
        let row = Row::against("emit to sink, from the main thread", PerRecord, 1, None);
        case.rows.push(row.of(case.programs.len()));
        case.programs.push(from_main);
    }
    Ok(case)
}

pub(super) fn round_trip(places: &Places, scale: &Scale) -> anyhow::Result<Case> {
    let engine = library(places, &["round-trip"], scale.of(5_000))?;
    let dask = dask(places, "Dask, a task", &["round-trip", &scale.of(500).to_string()]);
    let title = "One element through scatter and gather, nothing else in flight".to_owned();
    let mut case = Rivals::new("round-trip", title, "", engine).case;
    case.rows.push(Row::at_most("median", Reported("p50"), 15e-6));
    case.rows.push(Row::at_most("99th percentile", Reported("p99"), 150e-6));
    if let Some(dask) = dask {
        case.rows.push(Row::against("mean", Reported("mean"), 1, None));
        case.programs.push(dask);
    }
    Ok(case)
}

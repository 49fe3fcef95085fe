//! Stages that call functions: `map`, `starmap`, `filter`, `flat_map`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::only;
use crate::pipeline::building::Building;
use crate::pipeline::call::{Call, problem};
use crate::pipeline::flow::{Bytes, Flow};
use crate::pipeline::json;
use crate::pipeline::kinds::Stage;
use crate::pipeline::mistake::Problem;
use crate::{Error, Kind, Signature};

/// Each record through a function.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(in crate::pipeline) struct Map(Call);

impl Stage for Map {
    const REFUSES: bool = true;

    fn attach(self, inputs: Vec<Flow>, building: &mut Building) -> Result<Flow, Problem> {
        called(&self.0, inputs, building, Kind::Map)
    }
}

/// Each record through a function that takes its parts, as a tuple: the record is a JSON array.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(in crate::pipeline) struct Starmap(Call);

impl Stage for Starmap {
    const REFUSES: bool = true;

    fn attach(self, inputs: Vec<Flow>, building: &mut Building) -> Result<Flow, Problem> {
        called(&self.0, inputs, building, Kind::Map)
    }
}

/// Any number of records for each, by a function.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(in crate::pipeline) struct FlatMap(Call);

impl Stage for FlatMap {
    const REFUSES: bool = true;

    fn attach(self, inputs: Vec<Flow>, building: &mut Building) -> Result<Flow, Problem> {
        called(&self.0, inputs, building, Kind::FlatMap)
    }
}

/// Keeps the records for which a function says so; without a function, those that are not null, false, 0
/// or empty.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(in crate::pipeline) struct Filter(Call<Option<PathBuf>>);

impl Stage for Filter {
    const REFUSES: bool = true;

    fn attach(self, inputs: Vec<Flow>, building: &mut Building) -> Result<Flow, Problem> {
        if let Some(call) = self.0.given()? {
            return called(&call, inputs, building, Kind::Filter);
        }
        let flow = only(inputs)?;
        let contents = flow.contents().clone();
        Ok(flow.nodes(contents, |stream| stream.filter(|record: &Bytes| !json::is_falsy(record))))
    }
}

fn called(call: &Call, inputs: Vec<Flow>, building: &mut Building, kind: Kind) -> Result<Flow, Problem> {
    let flow = only(inputs)?;
    let (function, contents) = call.stage(building)?;
    let Signature { name, kind: found, .. } = function.signature();
    if *found != kind {
        return Err(problem(Error::WrongKind { function: name.clone(), kind: *found, used: kind }));
    }
    // A filter's records are those that it was given.
    let contents = if kind == Kind::Filter { flow.contents().clone() } else { contents };
    Ok(match flow {
        Flow::Local(stream, _) => Flow::Local(stream.apply(&function), contents),
        Flow::Scattered(scattered, _) => Flow::Scattered(scattered.apply(&function), contents),
    })
}

//! Stages that call functions: `map`, `starmap`, `filter`, `remove`, `flat_map`, `accumulate`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::only;
use crate::error::FunctionError;
use crate::pipeline::building::{Building, Called};
use crate::pipeline::call::{Call, KeyedCall, PerhapsCall, problem};
use crate::pipeline::flow::{Bytes, Contents, Flow};
use crate::pipeline::json;
use crate::pipeline::kinds::Stage;
use crate::pipeline::mistake::Problem;
use crate::pipeline::options::Key;
use crate::pipeline::reach::Reach;
use crate::{Error, Function, Kind, Signature};

/// Each record through a function.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(in crate::pipeline) struct Map(Call);

impl Stage for Map {
    const REFUSES: bool = true;

    fn reach(&self, reach: &mut Reach) {
        self.0.reach(reach);
    }

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

    fn reach(&self, reach: &mut Reach) {
        self.0.reach(reach);
    }

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

    fn reach(&self, reach: &mut Reach) {
        self.0.reach(reach);
    }

    fn attach(self, inputs: Vec<Flow>, building: &mut Building) -> Result<Flow, Problem> {
        called(&self.0, inputs, building, Kind::FlatMap)
    }
}

/// Keeps the records for which a function says so; without a function, those that are not null, false, 0
/// or empty.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(in crate::pipeline) struct Filter(PerhapsCall);

impl Stage for Filter {
    const REFUSES: bool = true;

    fn reach(&self, reach: &mut Reach) {
        self.0.reach(reach);
    }

    fn attach(self, inputs: Vec<Flow>, building: &mut Building) -> Result<Flow, Problem> {
        if let Some(call) = self.0.given()? {
            return called(&call, inputs, building, Kind::Filter);
        }
        let flow = only(inputs)?;
        let contents = flow.contents().clone();
        Ok(flow.nodes(contents, |stream| stream.filter(|record: &Bytes| !json::is_falsy(record))))
    }
}

/// Leaves out the records for which a function says so: the opposite of a filter.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(in crate::pipeline) struct Remove(Call);

impl Stage for Remove {
    const REFUSES: bool = true;

    fn reach(&self, reach: &mut Reach) {
        self.0.reach(reach);
    }

    fn attach(self, inputs: Vec<Flow>, building: &mut Building) -> Result<Flow, Problem> {
        let flow = only(inputs)?;
        let function = found(&self.0, building, Kind::Filter)?.negated();
        let contents = flow.contents().clone();
        Ok(applied(flow, function, contents, building))
    }
}

/// Each record through a function that keeps a state, one after another; with a key, a state for each.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(in crate::pipeline) struct Accumulate(KeyedCall);

impl Stage for Accumulate {
    const REFUSES: bool = true;

    fn reach(&self, reach: &mut Reach) {
        self.0.reach(reach);
    }

    fn attach(self, inputs: Vec<Flow>, building: &mut Building) -> Result<Flow, Problem> {
        let (flow, (call, key)) = (only(inputs)?, self.0.parts());
        let function = found(&call, building, Kind::Accumulate)?;
        building.calls(Called::Function(function.clone()));
        let contents = given(&function);
        Ok(match (flow, key) {
            (Flow::Scattered(scattered, _), Some(Key(path))) => {
                Flow::Scattered(Box::new(scattered.accumulate_by(path, &function)), contents)
            }
            (flow, Some(Key(path))) => flow.nodes(contents, |stream| stream.accumulate_by(path, &function)),
            (flow, None) => flow.nodes(contents, |stream| stream.accumulate(&function)),
        })
    }
}

fn called(call: &Call, inputs: Vec<Flow>, building: &mut Building, kind: Kind) -> Result<Flow, Problem> {
    let flow = only(inputs)?;
    let function = found(call, building, kind)?;
    // A filter's records are those that it was given.
    let contents = if kind == Kind::Filter { flow.contents().clone() } else { given(&function) };
    Ok(applied(flow, function, contents, building))
}

/// The function of a call, which must be of a kind.
fn found(call: &Call, building: &mut Building, used: Kind) -> Result<Function<Bytes, Bytes>, Problem> {
    let function = call.function::<Bytes>(building)?;
    let Signature { name, kind, .. } = function.signature();
    if *kind != used {
        return Err(problem(&Error::Function(FunctionError::WrongKind {
            function: name.clone(),
            kind: *kind,
            used,
        })));
    }
    Ok(function)
}

/// What a function gives.
fn given(function: &Function<Bytes, Bytes>) -> Contents {
    let output = function.signature().output.as_ref();
    output.map_or(Contents::JSON, |shape| Contents::Plain(shape.format))
}

fn applied(
    flow: Flow,
    function: Function<Bytes, Bytes>,
    contents: Contents,
    building: &mut Building,
) -> Flow {
    let flow = match flow {
        Flow::Local(stream, _) => Flow::Local(stream.apply(&function), contents),
        Flow::Scattered(scattered, _) => Flow::Scattered(Box::new(scattered.apply(&function)), contents),
    };
    building.calls(Called::Function(function));
    flow
}

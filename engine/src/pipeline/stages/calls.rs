//! Stages that call functions: `map`, `starmap`, `filter`, `remove`, `flat_map`, `accumulate`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::error::FunctionError;
use crate::function::Signature;
use crate::nodes::{
    Access, BuildContext, Bytes, Call, Called, Contents, Flow, Key, KeyedCall, PerhapsCall, Problem,
    StageNode, json,
};
use crate::{Error, Function, Kind};

/// Each record through a function.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(in crate::pipeline) struct Map(Call);

impl StageNode for Map {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        self.0.access(access);
    }

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        called(&self.0, inputs, context, Kind::Map)
    }
}

/// Each record through a function that takes its parts, as a tuple: the record is a JSON array.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(in crate::pipeline) struct Starmap(Call);

impl StageNode for Starmap {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        self.0.access(access);
    }

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        called(&self.0, inputs, context, Kind::Map)
    }
}

/// Any number of records for each, by a function.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(in crate::pipeline) struct FlatMap(Call);

impl StageNode for FlatMap {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        self.0.access(access);
    }

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        called(&self.0, inputs, context, Kind::FlatMap)
    }
}

/// Keeps the records for which a function says so; without a function, those that are not null, false, 0
/// or empty.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(in crate::pipeline) struct Filter(PerhapsCall);

impl StageNode for Filter {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        self.0.access(access);
    }

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        if let Some(call) = self.0.given()? {
            return called(&call, inputs, context, Kind::Filter);
        }
        let flow = Flow::only(inputs)?;
        let contents = flow.contents().clone();
        Ok(flow.nodes(contents, |stream| stream.filter(|record: &Bytes| !json::is_falsy(record))))
    }
}

/// Leaves out the records for which a function says so: the opposite of a filter.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(in crate::pipeline) struct Remove(Call);

impl StageNode for Remove {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        self.0.access(access);
    }

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        let flow = Flow::only(inputs)?;
        let function = found(&self.0, context, Kind::Filter)?.negated();
        let contents = flow.contents().clone();
        Ok(applied(flow, function, contents, context))
    }
}

/// Each record through a function that keeps a state, one after another; with a key, a state for each.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(in crate::pipeline) struct Accumulate(KeyedCall);

impl StageNode for Accumulate {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        self.0.access(access);
    }

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        let (flow, (call, key)) = (Flow::only(inputs)?, self.0.parts());
        let function = found(&call, context, Kind::Accumulate)?;
        context.calls(Called::Function(function.clone()));
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

fn called(call: &Call, inputs: Vec<Flow>, context: &mut BuildContext, kind: Kind) -> Result<Flow, Problem> {
    let flow = Flow::only(inputs)?;
    let function = found(call, context, kind)?;
    // A filter's records are those that it was given.
    let contents = if kind == Kind::Filter { flow.contents().clone() } else { given(&function) };
    Ok(applied(flow, function, contents, context))
}

/// The function of a call, which must be of a kind.
fn found(call: &Call, context: &mut BuildContext, used: Kind) -> Result<Function<Bytes, Bytes>, Problem> {
    let function = call.function::<Bytes>(context)?;
    let Signature { name, kind, .. } = function.signature();
    if *kind != used {
        return Err(Problem::of(&Error::Function(FunctionError::WrongKind {
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
    context: &mut BuildContext,
) -> Flow {
    let flow = match flow {
        Flow::Local(stream, _) => Flow::Local(stream.apply(&function), contents),
        Flow::Scattered(scattered, _) => Flow::Scattered(Box::new(scattered.apply(&function)), contents),
    };
    context.calls(Called::Function(function));
    flow
}

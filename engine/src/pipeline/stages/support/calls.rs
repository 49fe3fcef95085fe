//! What stages that call a function have in common.

use crate::error::FunctionError;
use crate::function::Signature;
use crate::nodes::{BuildContext, Bytes, Call, Contents, Flow, Problem};
use crate::{Error, Function, Kind};

/// Sends a flow through the function of a call.
pub(in crate::pipeline) fn called(
    call: &Call,
    inputs: Vec<Flow>,
    context: &mut BuildContext,
    kind: Kind,
) -> Result<Flow, Problem> {
    let flow = Flow::only(inputs)?;
    let function = found(call, context, kind)?;
    // A filter passes its inputs on.
    let contents = if kind == Kind::Filter { flow.contents().clone() } else { given(&function) };
    Ok(applied(flow, &function, contents, context))
}

/// The function of a call, checked to be of the kind that the stage uses.
pub(in crate::pipeline) fn found(
    call: &Call,
    context: &mut BuildContext,
    used: Kind,
) -> Result<Function<Bytes, Bytes>, Problem> {
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

/// What the outputs of a function contain.
pub(in crate::pipeline) fn given(function: &Function<Bytes, Bytes>) -> Contents {
    let output = function.signature().output.as_ref();
    output.map_or(Contents::JSON, |shape| Contents::Plain(shape.format))
}

/// Sends a flow through a function.
pub(in crate::pipeline) fn applied(
    flow: Flow,
    function: &Function<Bytes, Bytes>,
    contents: Contents,
    context: &mut BuildContext,
) -> Flow {
    let flow = match flow {
        Flow::Local(stream, _) => Flow::Local(stream.apply(function), contents),
        Flow::Scattered(scattered, _) => Flow::Scattered(Box::new(scattered.apply(function)), contents),
    };
    context.calls(function);
    flow
}

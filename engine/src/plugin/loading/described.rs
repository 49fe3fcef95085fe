//! What a plugin says of its functions, as data of our own.

use crate::function::{Kind, Parameter, Signature};
use crate::plugin::contract::exports::engine::plugin::stages as wit;
use crate::record::{Format, Shape};
use crate::text::{PlainText, plain_lines};

impl From<wit::Signature> for Signature {
    fn from(signature: wit::Signature) -> Self {
        Self {
            name: signature.name,
            kind: signature.kind.into(),
            input: signature.input.into(),
            output: signature.output.map(Into::into),
            state: signature.state.map(Into::into),
            parameters: signature.parameters.into_iter().map(Into::into).collect(),
            capabilities: signature.capabilities.into_iter().map(plain).collect(),
            docs: docs(&signature.docs),
        }
    }
}

/// A line of documentation has no more characters.
const LINE: usize = 2000;

/// A guest's documentation, fit to be shown.
fn docs(text: &str) -> String {
    plain_lines(text, LINE)
}

/// A guest's words on one line.
fn plain(text: String) -> String {
    PlainText::from(text).into()
}

impl From<wit::Kind> for Kind {
    fn from(kind: wit::Kind) -> Self {
        match kind {
            wit::Kind::Map => Self::Map,
            wit::Kind::Filter => Self::Filter,
            wit::Kind::FlatMap => Self::FlatMap,
            wit::Kind::Accumulate => Self::Accumulate,
            wit::Kind::Sink => Self::Sink,
        }
    }
}

impl From<wit::Shape> for Shape {
    fn from(shape: wit::Shape) -> Self {
        let format = match shape.format {
            wit::Format::Bytes => Format::Bytes,
            wit::Format::Text => Format::Text,
            wit::Format::Json => Format::Json,
        };
        Self { format, schema: shape.schema }
    }
}

impl From<wit::Parameter> for Parameter {
    fn from(parameter: wit::Parameter) -> Self {
        Self {
            name: parameter.name,
            shape: parameter.shape.into(),
            required: parameter.required,
            default: parameter.default.map(plain),
            docs: docs(&parameter.docs),
        }
    }
}

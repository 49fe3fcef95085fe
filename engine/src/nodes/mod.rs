//! What a type of nodes needs to be one of pipeline files: traits, options, and what nodes have in common while the
//! graph is built.

#[macro_use]
mod options;
mod access;
mod address;
mod build_context;
mod call;
mod diagnostic;
mod faults;
mod flow;
mod function_errors;
pub(crate) mod json;
mod node_type;
mod plugin_option;
mod reading;

pub(crate) use crate::run::Feeding;
pub use access::Access;
pub(crate) use address::Address;
#[cfg(feature = "net")]
pub(crate) use address::Url;
pub(crate) use build_context::{BuildContext, FindComponent, OnListen};
pub(crate) use call::{Call, KeyedCall, PerhapsCall};
pub use diagnostic::{Diagnostic, Diagnostics};
pub(crate) use diagnostic::{Problem, Report, meant};
pub(crate) use faults::FaultOptions;
pub(crate) use flow::{Bytes, Contents, Flow, Guard, no_bytes};
pub(crate) use node_type::{
    NodeType, Read, Section, SinkNode, SourceNode, StageNode, Takes, service_type, sink_type, source_type,
    stage_type,
};
pub(crate) use options::{Count, Delimiter, Key, Number, OneOrMore, Patience, Quote, Size, Time};
pub(crate) use reading::{Table, to_json};

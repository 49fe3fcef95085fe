//! The types of nodes, by name: where users' words meet the code.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;

use super::access::Access;
use super::build_context::BuildContext;
use super::diagnostic::{Problem, Report};
use super::flow::{Contents, Flow};
use super::reading::Table;
use crate::run::Feeding;

/// What a node is to the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Sources,
    Stages,
    Sinks,
}

impl Section {
    pub(crate) const ALL: [Self; 3] = [Self::Sources, Self::Stages, Self::Sinks];

    /// Its table in the file.
    pub(crate) fn table(self) -> &'static str {
        match self {
            Self::Sources => "sources",
            Self::Stages => "stages",
            Self::Sinks => "sinks",
        }
    }

    pub(crate) fn singular(self) -> &'static str {
        match self {
            Self::Sources => "source",
            Self::Stages => "stage",
            Self::Sinks => "sink",
        }
    }
}

/// From how many others a node takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    One,
    /// The second one only says when.
    OneOrTwo,
    /// At least two, and literals among them.
    Several,
}

/// A type of nodes.
pub(crate) struct NodeType {
    pub(crate) name: &'static str,
    /// Whether records can be refused there, so that it has options about faults.
    pub(crate) refuses: bool,
    /// Whether its records come from peers that a bad record should not deprive of the service: by default, faults leave
    /// records out in all nodes that get them, and do not end the run.
    pub(crate) is_service: bool,
    pub(crate) takes: Takes,
    pub(crate) read: Read,
    pub(crate) schema: fn(&mut SchemaGenerator) -> Schema,
}

impl NodeType {
    /// In which section of the file it is.
    pub(crate) fn section(&self) -> Section {
        match self.read {
            Read::Source(_) => Section::Sources,
            Read::Stage(_) => Section::Stages,
            Read::Sink(_) => Section::Sinks,
        }
    }

    /// Whether its own options have this one.
    pub(crate) fn has_option(&self, key: &str) -> bool {
        let schema = (self.schema)(&mut SchemaGenerator::default()).to_value();
        schema["properties"].get(key).is_some()
    }

    /// Reads the options of a node that will not be in the graph, and reports what is wrong.
    pub(crate) fn check(&self, table: &Table, report: &mut Report) {
        match self.read {
            Read::Source(read) => drop(read(table, report)),
            Read::Stage(read) => drop(read(table, report)),
            Read::Sink(read) => drop(read(table, report)),
        }
    }
}

impl NodeType {
    /// What a node with these options reaches outside of this process.
    pub(crate) fn access(&self, table: &Table, report: &mut Report, access: &mut Access) {
        match self.read {
            Read::Source(read) => read(table, report).into_iter().for_each(|node| node.access(access)),
            Read::Stage(read) => read(table, report).into_iter().for_each(|node| node.access(access)),
            Read::Sink(read) => read(table, report).into_iter().for_each(|node| node.access(access)),
        }
    }
}

/// Reads the options of a node, and reports what is wrong.
pub(crate) enum Read {
    Source(fn(&Table, &mut Report) -> Option<Box<dyn AnySource>>),
    Stage(fn(&Table, &mut Report) -> Option<Box<dyn AnyStage>>),
    Sink(fn(&Table, &mut Report) -> Option<Box<dyn AnySink>>),
}

/// A source's options.
pub(crate) trait SourceNode: DeserializeOwned + JsonSchema + 'static {
    const REFUSES: bool = false;

    /// What it reaches outside of this process, for the wall.
    fn access(&self, _: &mut Access) {}

    /// What feeds it, and what it gives. Nothing is read yet.
    fn open(self, context: &mut BuildContext) -> Result<(Feeding, Contents), Problem>;
}

/// A stage's options.
pub(crate) trait StageNode: DeserializeOwned + JsonSchema + 'static {
    const REFUSES: bool = false;
    const TAKES: Takes = Takes::One;

    /// What it reaches outside of this process, for the wall.
    fn access(&self, _: &mut Access) {}

    /// Puts it after what it takes from: one flow, if it does not join several.
    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem>;
}

/// A sink's options.
pub(crate) trait SinkNode: DeserializeOwned + JsonSchema + 'static {
    const REFUSES: bool = false;

    /// What it reaches outside of this process, for the wall.
    fn access(&self, _: &mut Access) {}

    /// Puts it after what it takes from. Nothing is written yet.
    fn attach(self, input: Flow, context: &mut BuildContext) -> Result<(), Problem>;
}

macro_rules! any {
    ($any:ident, $kind:ident, fn $method:ident($($name:ident: $type:ty),*) -> $output:ty) => {
        /// The same without its type.
        pub(crate) trait $any {
            fn $method(self: Box<Self>, $($name: $type,)* context: &mut BuildContext) -> Result<$output, Problem>;

            fn access(&self, access: &mut Access);
        }

        impl<T: $kind> $any for T {
            fn $method(self: Box<Self>, $($name: $type,)* context: &mut BuildContext) -> Result<$output, Problem> {
                $kind::$method(*self, $($name,)* context)
            }

            fn access(&self, access: &mut Access) {
                $kind::access(self, access);
            }
        }
    };
}

any!(AnySource, SourceNode, fn open() -> (Feeding, Contents));
any!(AnyStage, StageNode, fn attach(inputs: Vec<Flow>) -> Flow);
any!(AnySink, SinkNode, fn attach(input: Flow) -> ());

pub(crate) const fn source_type<T: SourceNode>(name: &'static str) -> NodeType {
    let read = Read::Source(|table, report| Some(Box::new(table.options::<T>(report)?)));
    NodeType { name, refuses: T::REFUSES, is_service: false, takes: Takes::One, read, schema: T::json_schema }
}

/// A source that takes records from peers, for a run that should stay up.
pub(crate) const fn service_type<T: SourceNode>(name: &'static str) -> NodeType {
    NodeType { is_service: true, ..source_type::<T>(name) }
}

pub(crate) const fn stage_type<T: StageNode>(name: &'static str) -> NodeType {
    let read = Read::Stage(|table, report| Some(Box::new(table.options::<T>(report)?)));
    NodeType { name, refuses: T::REFUSES, is_service: false, takes: T::TAKES, read, schema: T::json_schema }
}

pub(crate) const fn sink_type<T: SinkNode>(name: &'static str) -> NodeType {
    let read = Read::Sink(|table, report| Some(Box::new(table.options::<T>(report)?)));
    NodeType { name, refuses: T::REFUSES, is_service: false, takes: Takes::One, read, schema: T::json_schema }
}

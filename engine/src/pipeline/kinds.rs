//! The types of nodes, by name: where users' words meet the code.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;

use super::access::Access;
use super::build_context::BuildContext;
use super::diagnostic::{Problem, Report};
use super::flow::{Contents, Flow};
use super::node::Table;
use super::run::Feeding;
use super::{sinks, sources, stages};

/// What a node is to the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Sources,
    Stages,
    Sinks,
}

impl Section {
    pub(super) const ALL: [Self; 3] = [Self::Sources, Self::Stages, Self::Sinks];

    /// Its table in the file.
    pub(super) fn table(self) -> &'static str {
        match self {
            Self::Sources => "sources",
            Self::Stages => "stages",
            Self::Sinks => "sinks",
        }
    }

    pub(super) fn singular(self) -> &'static str {
        match self {
            Self::Sources => "source",
            Self::Stages => "stage",
            Self::Sinks => "sink",
        }
    }
}

/// From how many others a node takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    One,
    /// The second one only says when.
    OneOrTwo,
    /// At least two, and literals among them.
    Several,
}

/// A type of nodes.
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// Whether records can be refused there, so that it has options about faults.
    pub(super) refuses: bool,
    pub(super) takes: Takes,
    pub(super) read: Read,
    pub(super) schema: fn(&mut SchemaGenerator) -> Schema,
}

impl Kind {
    /// Reads the options of a node that will not be in the graph, and reports what is wrong.
    pub(super) fn check(&self, table: &Table, report: &mut Report) {
        match self.read {
            Read::Source(read) => drop(read(table, report)),
            Read::Stage(read) => drop(read(table, report)),
            Read::Sink(read) => drop(read(table, report)),
        }
    }
}

impl Kind {
    /// What a node with these options reaches outside of this process.
    pub(super) fn access(&self, table: &Table, report: &mut Report, access: &mut Access) {
        match self.read {
            Read::Source(read) => read(table, report).into_iter().for_each(|node| node.access(access)),
            Read::Stage(read) => read(table, report).into_iter().for_each(|node| node.access(access)),
            Read::Sink(read) => read(table, report).into_iter().for_each(|node| node.access(access)),
        }
    }
}

/// Reads the options of a node, and reports what is wrong.
pub(super) enum Read {
    Source(fn(&Table, &mut Report) -> Option<Box<dyn AnySource>>),
    Stage(fn(&Table, &mut Report) -> Option<Box<dyn AnyStage>>),
    Sink(fn(&Table, &mut Report) -> Option<Box<dyn AnySink>>),
}

/// A source's options.
pub(super) trait Source: DeserializeOwned + JsonSchema + 'static {
    const REFUSES: bool = false;

    /// What it reaches outside of this process, for the wall.
    fn access(&self, _: &mut Access) {}

    /// What feeds it, and what it gives. Nothing is read yet.
    fn open(self, context: &mut BuildContext) -> Result<(Feeding, Contents), Problem>;
}

/// A stage's options.
pub(super) trait Stage: DeserializeOwned + JsonSchema + 'static {
    const REFUSES: bool = false;
    const TAKES: Takes = Takes::One;

    /// What it reaches outside of this process, for the wall.
    fn access(&self, _: &mut Access) {}

    /// Puts it behind what it takes from: one flow, if it does not join several.
    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem>;
}

/// A sink's options.
pub(super) trait Sink: DeserializeOwned + JsonSchema + 'static {
    const REFUSES: bool = false;

    /// What it reaches outside of this process, for the wall.
    fn access(&self, _: &mut Access) {}

    /// Puts it behind what it takes from. Nothing is written yet.
    fn attach(self, input: Flow, context: &mut BuildContext) -> Result<(), Problem>;
}

macro_rules! any {
    ($any:ident, $kind:ident, fn $method:ident($($name:ident: $type:ty),*) -> $output:ty) => {
        /// The same without its type.
        pub(super) trait $any {
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

any!(AnySource, Source, fn open() -> (Feeding, Contents));
any!(AnyStage, Stage, fn attach(inputs: Vec<Flow>) -> Flow);
any!(AnySink, Sink, fn attach(input: Flow) -> ());

const fn source<T: Source>(name: &'static str) -> Kind {
    let read = Read::Source(|table, report| Some(Box::new(table.options::<T>(report)?)));
    Kind { name, refuses: T::REFUSES, takes: Takes::One, read, schema: T::json_schema }
}

const fn stage<T: Stage>(name: &'static str) -> Kind {
    let read = Read::Stage(|table, report| Some(Box::new(table.options::<T>(report)?)));
    Kind { name, refuses: T::REFUSES, takes: T::TAKES, read, schema: T::json_schema }
}

const fn sink<T: Sink>(name: &'static str) -> Kind {
    let read = Read::Sink(|table, report| Some(Box::new(table.options::<T>(report)?)));
    Kind { name, refuses: T::REFUSES, takes: Takes::One, read, schema: T::json_schema }
}

/// The types that a section has.
pub(super) fn of(section: Section) -> &'static [Kind] {
    match section {
        Section::Sources => SOURCES,
        Section::Stages => STAGES,
        Section::Sinks => SINKS,
    }
}

const SOURCES: &[Kind] = &[
    source::<sources::Stdin>("stdin"),
    source::<sources::Files>("files"),
    source::<sources::Folder>("folder"),
    source::<sources::Csv>("csv"),
    source::<sources::Ndjson>("ndjson"),
    source::<sources::Letters>("letters"),
    source::<sources::Periodic>("periodic"),
    source::<sources::Process>("process"),
    source::<sources::Tcp>("tcp"),
    #[cfg(feature = "net")]
    source::<sources::Http>("http"),
    #[cfg(feature = "net")]
    source::<sources::WebSocket>("websocket"),
    #[cfg(feature = "cluster")]
    source::<sources::Nats>("nats"),
];

const STAGES: &[Kind] = &[
    stage::<stages::Map>("map"),
    stage::<stages::Starmap>("starmap"),
    stage::<stages::Filter>("filter"),
    stage::<stages::Remove>("remove"),
    stage::<stages::FlatMap>("flat_map"),
    stage::<stages::Accumulate>("accumulate"),
    stage::<stages::Flatten>("flatten"),
    stage::<stages::Scatter>("scatter"),
    stage::<stages::Buffer>("buffer"),
    stage::<stages::Gather>("gather"),
    stage::<stages::Slice>("slice"),
    stage::<stages::Partition>("partition"),
    stage::<stages::PartitionUnique>("partition_unique"),
    stage::<stages::SlidingWindow>("sliding_window"),
    stage::<stages::TimedWindow>("timed_window"),
    stage::<stages::TimedWindowUnique>("timed_window_unique"),
    stage::<stages::Unique>("unique"),
    stage::<stages::Pluck>("pluck"),
    stage::<stages::Frequencies>("frequencies"),
    stage::<stages::Collect>("collect"),
    stage::<stages::Delay>("delay"),
    stage::<stages::RateLimit>("rate_limit"),
    stage::<stages::Latest>("latest"),
    stage::<stages::Union>("union"),
    stage::<stages::Zip>("zip"),
    stage::<stages::CombineLatest>("combine_latest"),
    stage::<stages::ZipLatest>("zip_latest"),
];

const SINKS: &[Kind] = &[
    sink::<sinks::Stdout>("stdout"),
    sink::<sinks::File>("file"),
    sink::<sinks::Csv>("csv"),
    sink::<sinks::Call>("plugin"),
    sink::<sinks::Process>("process"),
    sink::<sinks::Tcp>("tcp"),
    #[cfg(feature = "net")]
    sink::<sinks::Http>("http"),
    #[cfg(feature = "net")]
    sink::<sinks::WebSocket>("websocket"),
    #[cfg(feature = "cluster")]
    sink::<sinks::Nats>("nats"),
];

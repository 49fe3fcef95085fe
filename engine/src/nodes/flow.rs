//! What passes between nodes: streams of records, and how their bytes are to be read.

use std::sync::Arc;

use super::diagnostic::Problem;
use super::json::{self, Path};
use crate::graph::{self, Operator, Outputs, Readers, Scattered, Stream, Stretch};
use crate::progress::Keeps;
use crate::record::{Format, Record};
use crate::{FaultPolicy, Source};

/// A record's bytes.
pub(crate) type Bytes = Vec<u8>;

/// How the records of an edge are to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Contents {
    /// As their format says.
    Plain(Format),
    /// JSON arrays of such.
    List(Box<Contents>),
}

impl Contents {
    pub(crate) const JSON: Self = Self::Plain(Format::Json);

    pub(crate) fn list(self) -> Self {
        Self::List(Box::new(self))
    }

    /// What the items of an array are.
    pub(crate) fn items(&self) -> Self {
        match self {
            Self::List(items) => (**items).clone(),
            Self::Plain(_) => Self::JSON,
        }
    }

    pub(crate) fn is_text(&self) -> bool {
        *self == Self::Plain(Format::Text)
    }

    /// What it is called on the diagram.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Plain(Format::Bytes) => "bytes",
            Self::Plain(Format::Text) => "text",
            Self::Plain(Format::Json) | Self::List(_) => "json",
        }
    }
}

/// A stream of the graph, scattered or not.
pub(crate) enum Flow {
    Local(Stream<Bytes>, Contents),
    Scattered(Box<Scattered<Bytes>>, Contents),
}

impl Flow {
    /// In the place of one that is not known, to find out what else is wrong.
    pub(crate) fn stand_in() -> Self {
        Self::Local(Source::new().stream(), Contents::JSON)
    }

    /// The only one that a node takes from which joins none.
    pub(crate) fn only(inputs: Vec<Self>) -> Result<Self, Problem> {
        inputs.into_iter().next().ok_or_else(|| Problem::new("it has no input"))
    }

    pub(crate) fn contents(&self) -> &Contents {
        match self {
            Self::Local(_, contents) | Self::Scattered(_, contents) => contents,
        }
    }

    /// How many nodes of the library are before what comes next.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::Local(stream, _) => stream.outlet.depth(),
            Self::Scattered(scattered, _) => scattered.depth + graph::CALLS_COUNT + 1,
        }
    }

    /// A node of ours that needs one element after another.
    pub(crate) fn nodes(
        self,
        contents: Contents,
        nodes: impl FnOnce(Stream<Bytes>) -> Stream<Bytes>,
    ) -> Self {
        match self {
            Self::Local(stream, _) => Self::Local(nodes(stream), contents),
            Self::Scattered(scattered, _) => Self::Scattered(Box::new(scattered.in_order(nodes)), contents),
        }
    }

    /// The stream of a flow that was gathered.
    pub(crate) fn local(self) -> Result<(Stream<Bytes>, Contents), Problem> {
        match self {
            Self::Local(stream, contents) => Ok((stream, contents)),
            Self::Scattered(..) => Err(Problem::new("its records are still scattered")
                .about(&["from"])
                .help("put a gather before it")),
        }
    }

    /// Notes the node that it comes from, for the monitor.
    pub(crate) fn stands_at(&mut self, place: usize) {
        let watched = match self {
            Self::Local(stream, _) => &mut stream.watched,
            Self::Scattered(scattered, _) => &mut scattered.watched,
        };
        if let Some(watched) = watched {
            watched.from = vec![place];
        }
    }

    /// For a sink, which gets no more when its reader has gone, as long as others have theirs.
    pub(crate) fn while_read(self, readers: &Arc<Readers>) -> Self {
        match self {
            Self::Local(stream, contents) => Self::Local(stream.while_read(readers), contents),
            // It is a mistake, of which the sink tells.
            scattered => scattered,
        }
    }

    /// Brings several together. What was scattered is so again after it.
    pub(crate) fn join(
        inputs: Vec<Self>,
        contents: Contents,
        nodes: impl FnOnce(Vec<Stream<Bytes>>) -> Stream<Bytes>,
    ) -> Self {
        let mut again: Option<Stretch> = None;
        let streams = inputs.into_iter().map(|input| match input {
            Self::Local(stream, _) => stream,
            Self::Scattered(scattered, _) => {
                let (stream, stretch) = scattered.ordered();
                again = Some(match again.take() {
                    Some(others) => others.and(stretch),
                    None => stretch,
                });
                stream
            }
        });
        let joined = nodes(streams.collect());
        match again {
            Some(stretch) => Self::Scattered(Box::new(stretch.scatter(joined)), contents),
            None => Self::Local(joined, contents),
        }
    }
}

/// The name and the policy of a node of ours, for the records that it refuses.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) name: Arc<str>,
    pub(crate) policy: FaultPolicy,
}

impl Guard {
    /// Elements through a function that may refuse them.
    pub(crate) fn each<T, U, F>(&self, stream: Stream<T>, f: F) -> Stream<U>
    where
        T: Record,
        U: Clone + Send + 'static,
        F: FnMut(T) -> Result<U, String> + Send + 'static,
    {
        stream.through_with(Each { name: self.name.clone(), f }, &self.policy)
    }

    /// Records as the JSON values that they are in an array.
    pub(crate) fn items(&self, stream: Stream<Bytes>, contents: &Contents) -> Stream<Bytes> {
        match contents {
            // Our own nodes made it, and it is JSON for certain.
            Contents::List(_) => stream,
            Contents::Plain(Format::Text) => {
                self.each(stream, |record: Bytes| json::whole(json::quoted(json::text(&record)?)))
            }
            Contents::Plain(_) => self.each(stream, |record: Bytes| {
                json::text(&record).and_then(json::check)?;
                Ok(record)
            }),
        }
    }

    /// Tuples of records as one record each; one that would be too long is a fault, and put aside whole.
    pub(crate) fn tuples(
        &self,
        stream: Stream<Vec<Bytes>>,
        mut tuple: impl FnMut(Vec<Bytes>) -> Bytes + Send + 'static,
    ) -> Stream<Bytes> {
        let made = Each { name: self.name.clone(), f: move |items| json::whole(tuple(items)) };
        let encode = |items: &Vec<Bytes>| json::array(items).into();
        let guard = graph::Guard { policy: self.policy.clone(), encode, name: None };
        stream.through_node(made, Some(guard)).0
    }

    /// Records with a part of each, which stands for it: its JSON, or the record itself if none is named.
    pub(crate) fn keyed(&self, stream: Stream<Bytes>, key: Option<&Path>) -> Stream<(Bytes, Bytes)> {
        let key = key.cloned();
        self.each(stream, move |record: Bytes| {
            let part = match &key {
                Some(key) => json::canonical(key.of(&record)?).into_owned().into_bytes(),
                None => record.clone(),
            };
            Ok((part, record))
        })
    }
}

struct Each<F> {
    name: Arc<str>,
    f: F,
}

impl<T, U, F> Operator<T> for Each<F>
where
    U: Clone + Send + 'static,
    F: FnMut(T) -> Result<U, String> + Send + 'static,
{
    type Output = U;

    fn take(&mut self, element: T, outputs: &mut Outputs<U>) -> Result<(), String> {
        outputs.give((self.f)(element)?);
        Ok(())
    }

    fn keeps(&mut self) -> Keeps<'_> {
        Keeps::Nothing
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// Refuses bytes where a node makes arrays.
pub(crate) fn no_bytes(contents: &Contents) -> Result<(), Problem> {
    if *contents == Contents::Plain(Format::Bytes) {
        let problem = Problem::new("it makes arrays of records, and bytes have no form in JSON");
        return Err(problem.help("give the source format = \"text\" or \"json\", or put a function between"));
    }
    Ok(())
}

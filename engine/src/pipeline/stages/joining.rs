//! Stages that bring streams together: `union`, `zip`, `combine_latest`, `zip_latest`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::Stream;
use crate::graph::Side;
use crate::nodes::{BuildContext, Bytes, Contents, Count, Flow, Problem, StageNode, Takes, json, no_bytes};

/// The records of several, as they come.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Union {}

impl StageNode for Union {
    const TAKES: Takes = Takes::Several;

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        if !context.literals().is_empty() {
            let problem = Problem::at("from", "a literal has no records that could come");
            return Err(problem.help("zip puts one beside each record"));
        }
        let mut contents = inputs.iter().map(|input| input.contents().clone());
        let first = contents.next().unwrap_or(Contents::JSON);
        let contents = if contents.all(|other| other == first) { first } else { Contents::JSON };
        Ok(Flow::join(inputs, contents, halved))
    }
}

/// The union of all, by halves: a chain of unions would be as long as there are streams.
fn halved(mut streams: Vec<Stream<Bytes>>) -> Stream<Bytes> {
    if streams.len() > 2 {
        let others = streams.split_off(streams.len() / 2);
        streams = vec![halved(streams), halved(others)];
    }
    folded(streams, Stream::union)
}

fn folded<T>(streams: Vec<Stream<T>>, f: impl Fn(Stream<T>, Stream<T>) -> Stream<T>) -> Stream<T> {
    let joined = streams.into_iter().reduce(f);
    joined.expect("a node that joins takes from somebody")
}

type Pair = (Vec<Bytes>, Vec<Bytes>);

fn both((mut one, other): Pair) -> Vec<Bytes> {
    one.extend(other);
    one
}

/// Brings flows together whose records become the parts of arrays, in the order of the flows. Literals get
/// their places among them.
fn tuples(
    inputs: Vec<Flow>,
    context: &mut BuildContext,
    join: impl FnOnce(Vec<Stream<Vec<Bytes>>>) -> Stream<Vec<Bytes>>,
) -> Result<Flow, Problem> {
    inputs.iter().try_for_each(|input| no_bytes(input.contents()))?;
    let (guard, literals) = (context.guard.clone(), context.literals());
    let contents: Vec<_> = inputs.iter().map(|input| input.contents().clone()).collect();
    let same = literals.is_empty() && contents.windows(2).all(|pair| pair[0] == pair[1]);
    let items = contents.first().filter(|_| same).cloned().unwrap_or(Contents::JSON);
    Ok(Flow::join(inputs, items.list(), |streams| {
        let parts = streams.into_iter().zip(&contents);
        let parts =
            parts.map(|(stream, contents)| guard.items(stream, contents).map(|item: Bytes| vec![item]));
        guard.tuples(join(parts.collect()), move |mut items: Vec<Bytes>| {
            for (place, literal) in &literals {
                items.insert(*place, literal.clone());
            }
            json::array(items)
        })
    }))
}

/// Arrays of one record of each, in lock step.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Zip {
    /// How many records of one may wait for the others.
    #[serde(default = "ten")]
    maxsize: Count,
}

fn ten() -> Count {
    Count(std::num::NonZeroUsize::new(10).expect("ten is not zero"))
}

impl StageNode for Zip {
    const REFUSES: bool = true;
    const TAKES: Takes = Takes::Several;

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        let (most, name) = (self.maxsize.0.get(), context.guard.name.clone());
        tuples(inputs, context, |streams| {
            folded(streams, |one, other| one.zip_as(name.clone(), other, most).map(both))
        })
    }
}

/// Arrays of the latest record of each, once all were seen.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct CombineLatest {
    /// Only records of this one make a new array; of each by default.
    emit_on: Option<String>,
}

impl StageNode for CombineLatest {
    const REFUSES: bool = true;
    const TAKES: Takes = Takes::Several;

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        let names = context.taken_from();
        let on = self.emit_on.as_ref().map(|on| {
            let found = names.iter().position(|name| name == on);
            found.ok_or_else(|| {
                let help = format!("it takes from {}", names.join(", "));
                Problem::at("emit_on", format!("it does not take from {on}")).help(help)
            })
        });
        let on = on.transpose()?;
        tuples(inputs, context, move |mut streams| match on {
            None => folded(streams, |one, other| one.combine_latest(other).map(both)),
            Some(place) => {
                let first = streams.remove(place);
                if streams.is_empty() {
                    return first;
                }
                let others = folded(streams, |one, other| one.combine_latest(other).map(both));
                first.combine_latest_on(others, Side::First).map(move |(mut one, mut items): Pair| {
                    items.splice(place..place, one.drain(..));
                    items
                })
            }
        })
    }
}

/// Arrays of each record of the first, and the latest of the others.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct ZipLatest {}

impl StageNode for ZipLatest {
    const REFUSES: bool = true;
    const TAKES: Takes = Takes::Several;

    fn attach(self, inputs: Vec<Flow>, context: &mut BuildContext) -> Result<Flow, Problem> {
        if context.literals().iter().any(|(place, _)| *place == 0) {
            let problem = Problem::at("from", "the first must be a node, whose records are to come out");
            return Err(problem.help("put the literal behind it"));
        }
        tuples(inputs, context, |mut streams| {
            let first = streams.remove(0);
            if streams.is_empty() {
                return first;
            }
            let others = folded(streams, |one, other| one.combine_latest(other).map(both));
            first.zip_latest(others).map(both)
        })
    }
}

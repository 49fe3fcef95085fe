//! What stages that join several nodes have in common.

use crate::Stream;
use crate::nodes::{BuildContext, Bytes, Contents, Flow, Problem, json, no_bytes};

/// Joins streams two at a time, from the first to the last.
pub(in crate::pipeline) fn folded<T>(
    streams: Vec<Stream<T>>,
    f: impl Fn(Stream<T>, Stream<T>) -> Stream<T>,
) -> Stream<T> {
    let joined = streams.into_iter().reduce(f);
    joined.expect("a node that joins has inputs")
}

/// The parts of an array, of two streams.
pub(in crate::pipeline) type Pair = (Vec<Bytes>, Vec<Bytes>);

pub(in crate::pipeline) fn both((mut one, other): Pair) -> Vec<Bytes> {
    one.extend(other);
    one
}

/// Joins flows into arrays of their records, in the order of the flows, with literals in between.
pub(in crate::pipeline) fn tuples(
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

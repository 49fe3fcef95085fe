//! The stage `combine_latest`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::support::joins::{Pair, both, folded, tuples};
use crate::graph::Side;
use crate::nodes::{BuildContext, Flow, Problem, StageNode, Takes};

/// Arrays of the latest record of each, once all were seen.
#[derive(Deserialize, JsonSchema)]
pub(super) struct CombineLatest {
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

//! Breaks the contract in every way: each function has one lie, told for a batch that holds a
//! record `bad`; all other batches come back as they are. It speaks the contract itself, since the
//! SDK could not say such things.

mod endings;
mod lies;
mod states;

wit_bindgen::generate!({ path: "../../../wit", world: "stream-plugin" });

use exports::engine::plugin::stages::{
    Batch, Failure, Format, Guest, GuestStage, Kind, Outcome, Shape, Signature, Stage,
};

use crate::lies::Lie;

struct Plugin;

export!(Plugin);

impl Guest for Plugin {
    type Stage = Liar;

    fn describe() -> Vec<Signature> {
        let lies = lies::ALL.iter().map(|&(name, kind, _)| signature(name, kind));
        let endings = endings::ALL.iter().map(|&name| signature(name, Kind::Map));
        let states = states::ALL.iter().map(|&name| signature(name, Kind::Accumulate));
        lies.chain(endings).chain(states).collect()
    }
}

fn signature(name: &str, kind: Kind) -> Signature {
    let text = || Shape { format: Format::Text, schema: None };
    Signature {
        name: name.to_owned(),
        kind,
        input: text(),
        output: (kind != Kind::Sink).then(text),
        state: None,
        parameters: Vec::new(),
        capabilities: Vec::new(),
        docs: String::new(),
    }
}

/// An open function.
struct Liar {
    name: String,
    kind: Kind,
    lie: Lie,
}

impl GuestStage for Liar {
    fn open(name: String, _: Vec<(String, String)>, state: Option<Vec<u8>>) -> Result<Stage, String> {
        endings::open(&name)?;
        if state.is_some() {
            states::open(&name)?;
        }
        let known = lies::ALL.iter().find(|(known, ..)| *known == name);
        let (kind, lie) = known.map_or((Kind::Map, lies::none as Lie), |&(_, kind, lie)| (kind, lie));
        Ok(Stage::new(Self { name, kind, lie }))
    }

    fn process(&self, input: Batch, keys: Option<Batch>, _: u32) -> Outcome {
        let consumed = input.ends.len() as u32;
        let is_bad = input.data.windows(3).any(|word| word == b"bad");
        let output = match self.kind {
            Kind::Filter | Kind::Sink => Batch { data: Vec::new(), ends: Vec::new() },
            _ => input,
        };
        let mut outcome = Outcome { output, counts: None, failures: Vec::new(), consumed };
        if is_bad {
            (self.lie)(&mut outcome);
        }
        states::lie(&self.name, keys.as_ref(), &mut outcome);
        outcome
    }

    fn finish(&self) -> Result<Batch, String> {
        endings::finish(&self.name)
    }

    fn state(&self) -> Result<Vec<u8>, String> {
        states::state(&self.name)
    }
}

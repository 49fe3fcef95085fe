//! A good plugin, of a contract that this engine doesn't know: `engine:plugin@0.3.0`, which is a
//! copy of the contract under another version.

wit_bindgen::generate!({ path: "wit", world: "stream-plugin" });

use exports::engine::plugin::stages::{Batch, Guest, GuestStage, Outcome, Signature, Stage};

struct Plugin;

export!(Plugin);

impl Guest for Plugin {
    type Stage = Same;

    fn describe() -> Vec<Signature> {
        Vec::new()
    }
}

struct Same;

impl GuestStage for Same {
    fn open(_: String, _: Vec<(String, String)>, _: Option<Vec<u8>>) -> Result<Stage, String> {
        Ok(Stage::new(Self))
    }

    fn process(&self, input: Batch, _: Option<Batch>, _: u32) -> Outcome {
        let consumed = input.ends.len() as u32;
        Outcome { output: input, counts: None, failures: Vec::new(), consumed }
    }

    fn finish(&self) -> Result<Batch, String> {
        Ok(Batch { data: Vec::new(), ends: Vec::new() })
    }

    fn state(&self) -> Result<Vec<u8>, String> {
        Ok(Vec::new())
    }
}

//! A loop without end in `describe`, which the host calls before anything else.

use std::hint::black_box;

wit_bindgen::generate!({ path: "../../../wit", world: "stream-plugin" });

use exports::engine::plugin::stages::{Batch, Guest, GuestStage, Outcome, Signature, Stage};

struct Plugin;

export!(Plugin);

impl Guest for Plugin {
    type Stage = Never;

    fn describe() -> Vec<Signature> {
        loop {
            black_box(());
        }
    }
}

struct Never;

impl GuestStage for Never {
    fn open(_: String, _: Vec<(String, String)>, _: Option<Vec<u8>>) -> Result<Stage, String> {
        Err("never opened".to_owned())
    }

    fn process(&self, _: Batch, _: Option<Batch>, _: u32) -> Outcome {
        unreachable!("never opened")
    }

    fn finish(&self) -> Result<Batch, String> {
        unreachable!("never opened")
    }

    fn state(&self) -> Result<Vec<u8>, String> {
        Ok(Vec::new())
    }
}

//! What the component exports: the contract's calls, answered from the registry.

use crate::contract::{Batch, Guest, GuestStage, Outcome, Signature, Stage};
use crate::registry::{self, Process};
use crate::{host, outputs, printed};

/// The plugin that this crate is linked into.
pub(crate) struct Plugin;

impl Guest for Plugin {
    type Stage = Opened;

    fn describe() -> Vec<Signature> {
        host::report_panics();
        registry::describe()
    }
}

/// One function with its arguments bound.
pub(crate) struct Opened(Process);

impl GuestStage for Opened {
    fn open(name: String, arguments: Vec<(String, String)>, state: Option<Vec<u8>>) -> Result<Stage, String> {
        host::report_panics();
        let opened = registry::open(&name, arguments, state.as_deref());
        printed::flush();
        opened.map(|process| Stage::new(Opened(process)))
    }

    fn process(&self, input: Batch, keys: Option<Batch>, room: u32) -> Outcome {
        let outcome = self.0.process(&input, keys.as_ref(), room);
        printed::flush();
        outcome
    }

    fn finish(&self) -> Result<Batch, String> {
        printed::flush();
        Ok(outputs::empty())
    }

    fn state(&self) -> Result<Vec<u8>, String> {
        let state = self.0.state().map_err(|failure| failure.to_string());
        printed::flush();
        state
    }
}

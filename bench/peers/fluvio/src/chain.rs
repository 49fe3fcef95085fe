//! Fluvio's engine with one SmartModule, and records on their way into it and out of it.

use std::fs;
use std::path::Path;

use anyhow::{Context, anyhow};
use fluvio_protocol::Encoder;
use fluvio_protocol::record::Record;
use fluvio_smartengine::{
    DEFAULT_SMARTENGINE_VERSION, SmartEngine, SmartModuleChainBuilder, SmartModuleChainInstance,
    SmartModuleConfig,
};
use fluvio_smartmodule::dataplane::smartmodule::SmartModuleInput;

/// A SmartModule that is ready.
pub(crate) struct Chain {
    instance: SmartModuleChainInstance,
    /// How many bytes the last batch took: the next one's buffer begins with as many.
    encoded: usize,
}

impl Chain {
    /// Compiles and opens the SmartModule in the file `guest`.
    pub(crate) fn load(guest: &Path) -> anyhow::Result<Self> {
        let wasm = fs::read(guest).with_context(|| format!("can't read {}", guest.display()))?;
        let config = SmartModuleConfig::builder().smartmodule_names(["inc".to_owned()]).build()?;
        let instance = SmartModuleChainBuilder::from((config, wasm)).initialize(&SmartEngine::new());
        let instance = instance.with_context(|| format!("can't load {}", guest.display()))?;
        Ok(Self { instance, encoded: 0 })
    }

    /// Takes records through the SmartModule, all in one call: encodes them, calls, and decodes what it
    /// returns.
    pub(crate) fn process(&mut self, records: &Vec<Record>) -> anyhow::Result<Vec<Record>> {
        let mut encoded = Vec::with_capacity(self.encoded);
        records.encode(&mut encoded, DEFAULT_SMARTENGINE_VERSION)?;
        self.encoded = encoded.len();
        let output = self.instance.process(SmartModuleInput::new(encoded, 0, 0))?;
        match output.error {
            Some(error) => Err(anyhow!("{error}")),
            None => Ok(output.successes),
        }
    }
}

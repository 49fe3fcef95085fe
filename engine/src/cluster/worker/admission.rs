//! What a worker allows runs: its administrator decides, not the host.

use bytesize::ByteSize;

use crate::Capability;
use crate::cluster::description::Stage;
use crate::function::Limits;

/// The most retries of a record.
const MOST_RETRIES: u32 = 10_000;

/// The most that a worker allows a function.
pub(super) struct Admission<'a> {
    pub(super) limits: Limits,
    pub(super) allowed: &'a [Capability],
}

impl Admission<'_> {
    /// Whether a function may be run here, and if not, why.
    pub(super) fn check(&self, stage: &Stage) -> Result<(), String> {
        let function = &stage.function;
        let bytes = |bytes: usize| ByteSize(bytes as u64).to_string();
        let Limits { memory, timeout, output, .. } = self.limits;
        let refused =
            |wish: String, most: String| Err(format!("{function} may {wish}, and this worker allows {most}"));
        if stage.memory > memory {
            let wish = format!("use {} of memory", bytes(stage.memory));
            return refused(wish, bytes(memory));
        }
        if stage.timeout > timeout {
            let wish = format!("take {:?} for a record", stage.timeout);
            return refused(wish, format!("{timeout:?}"));
        }
        if stage.output > output {
            let wish = format!("return {} for a record", bytes(stage.output));
            return refused(wish, bytes(output));
        }
        if stage.retries > MOST_RETRIES {
            return refused(format!("retry a record {} times", stage.retries), MOST_RETRIES.to_string());
        }
        let lacks = |text: &&String| {
            let known = text.parse::<Capability>();
            !known.is_ok_and(|wished| self.allowed.iter().any(|allowed| allowed.covers(&wished)))
        };
        match stage.capabilities.iter().find(lacks) {
            Some(capability) => {
                Err(format!("{function} needs {capability}, which this worker does not allow"))
            }
            None => Ok(()),
        }
    }
}

//! What a worker lets runs have: its administrator decides that, not the one of the host.

use bytesize::ByteSize;

use crate::Capability;
use crate::cluster::description::Stage;
use crate::function::Limits;

/// A record may be tried again so often.
const MOST_RETRIES: u32 = 10_000;

/// The most that a function may have.
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
        let refused = |wish: String, most: String, flag: &str| {
            Err(format!("{function} may {wish}, and here at most {most} ({flag})"))
        };
        if stage.memory > memory {
            let wish = format!("have {} of memory", bytes(stage.memory));
            return refused(wish, bytes(memory), "--memory");
        }
        if stage.timeout > timeout {
            let wish = format!("take {:?} for a record", stage.timeout);
            return refused(wish, format!("{timeout:?}"), "--timeout");
        }
        if stage.output > output {
            let wish = format!("give {} for a record", bytes(stage.output));
            return refused(wish, bytes(output), "--output-size");
        }
        if stage.retries > MOST_RETRIES {
            return refused(
                format!("be tried again {} times", stage.retries),
                MOST_RETRIES.to_string(),
                "fixed",
            );
        }
        let lacks = |text: &&String| {
            let known = text.parse::<Capability>();
            !known.is_ok_and(|wished| self.allowed.iter().any(|allowed| allowed.covers(&wished)))
        };
        match stage.capabilities.iter().find(lacks) {
            Some(capability) => {
                Err(format!("{function} wants {capability}, which is not allowed here (--allow)"))
            }
            None => Ok(()),
        }
    }
}

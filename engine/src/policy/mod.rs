//! What becomes of records that functions fail for: the policy decides, and dead letters keep them in a file.

mod dead_letters;
mod fault_policy;
mod letter_file;

pub(crate) use dead_letters::decode as decode_dead_letter;
pub use dead_letters::{DeadLetters, InputPosition, Unit};
pub(crate) use fault_policy::Decision;
pub use fault_policy::{DeadLetter, FaultPolicy};

//! What the functions of a run have used.

use crate::executor::Returns;
use crate::function::Usage;
use crate::{Function, Record};

/// Tells what a function has used, whatever it takes and gives.
pub(crate) struct FunctionUsage(Box<dyn Fn() -> Usage + Send + Sync>);

impl FunctionUsage {
    pub(crate) fn of<I: Record, O: Returns>(function: &Function<I, O>) -> Self {
        let function = function.clone();
        Self(Box::new(move || function.usage()))
    }

    pub(crate) fn read(&self) -> Usage {
        (self.0)()
    }
}

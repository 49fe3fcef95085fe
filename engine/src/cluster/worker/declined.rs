//! Why a worker leaves a task to others.

use crate::Error;

/// Why this worker declines a task, which another worker gets, or this one later. The host could load its functions,
/// so what stands in the way is here.
pub(super) struct Declined {
    pub(super) reason: String,
    /// The error that the reason tells, if it is one.
    pub(super) cause: Option<Box<Error>>,
}

impl Declined {
    pub(super) fn because(reason: String, cause: impl Into<Error>) -> Self {
        Self { reason, cause: Some(Box::new(cause.into())) }
    }
}

impl From<String> for Declined {
    fn from(reason: String) -> Self {
        Self { reason, cause: None }
    }
}

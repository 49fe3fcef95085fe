//! Why a worker leaves a task to others.

/// Why this worker declines a task, which another worker gets, or this one later. The host could load its functions,
/// so what stands in the way is here.
pub(super) struct Declined(pub(super) String);

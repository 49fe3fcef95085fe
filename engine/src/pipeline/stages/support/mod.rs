//! What several stages share.

pub(super) mod calls;
pub(super) mod groups;
pub(super) mod joins;

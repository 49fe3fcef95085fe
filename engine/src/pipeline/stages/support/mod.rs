//! What several stages share.

pub(super) mod calls;
pub(super) mod folds;
pub(super) mod groups;
pub(super) mod joins;
pub(super) mod releases;

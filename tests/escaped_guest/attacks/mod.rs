//! The attacks of an escaped guest.

mod files;
mod kernel;
mod launcher;
mod network;
mod processes;

use super::stand_in::Try;

/// All attacks, each with its name.
pub(super) fn all() -> impl Iterator<Item = &'static (&'static str, Try)> {
    // Those on the kernel come last: after one of them, the stand-in is another user.
    [files::ATTACKS, network::ATTACKS, launcher::ATTACKS, processes::ATTACKS, kernel::ATTACKS]
        .into_iter()
        .flatten()
}

//! The attacks of an escaped guest.

mod files;
mod kernel;
pub(super) mod launcher;
mod network;
mod processes;

use super::stand_in::Try;

/// All attacks, each with its name.
pub(super) fn all() -> impl Iterator<Item = &'static (&'static str, Try)> {
    launcher::ATTACKS.iter().chain(without_launcher())
}

/// The attacks that succeed if there is no wall.
pub(super) fn without_launcher() -> impl Iterator<Item = &'static (&'static str, Try)> {
    // Those on the kernel come last: after one of them, the stand-in is another user.
    [files::ATTACKS, network::ATTACKS, processes::ATTACKS, kernel::ATTACKS].into_iter().flatten()
}

//! The launcher: a process outside of the wall that starts the programs, and opens, replaces and rotates the files,
//! which were named before the wall was raised, and no others.
//!
//! Each program has a *line*, a socket of its own: how it ended comes on it, and when this end is closed
//! the program is killed with all that it started.

#[cfg(unix)]
mod client;
#[cfg(unix)]
mod message;
#[cfg(unix)]
mod named;
#[cfg(unix)]
mod outputs;
#[cfg(unix)]
mod peer;
#[cfg(unix)]
mod server;

#[cfg(unix)]
pub(super) use client::start;
#[cfg(unix)]
pub use server::serve;

/// The command of the program that serves as the launcher.
pub const COMMAND: &str = "launcher";

#[cfg(not(unix))]
pub(super) fn start(_: &super::Rules, _: &[super::programs::Outside]) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

//! The second wall: what is left to a process whose sandbox failed.
//!
//! WebAssembly is the first wall. If a guest breaks out of it, it can do whatever the process may do; so
//! the process gives up, before it starts its first thread, all that its run does not need.

#[cfg(target_os = "linux")]
mod access;
#[cfg(target_os = "linux")]
mod inherited;
pub mod launcher;
mod programs;
mod raise;
mod rules;
#[cfg(target_os = "linux")]
mod syscalls;
mod ways;

#[cfg(target_os = "linux")]
pub use inherited::note_inherited;
pub use raise::{Part, Raised, WallError, raise, raised};
pub use rules::Rules;

pub use crate::process::Program;

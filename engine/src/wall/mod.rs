//! The second wall: limits the harm that a guest can do if it breaks out of its sandbox.
//!
//! WebAssembly is the first wall. A guest that breaks out of it can do whatever the process may do. So before it starts
//! its first thread, the process gives up every permission that its run does not need.

#[cfg(target_os = "linux")]
mod access;
#[cfg(target_os = "linux")]
mod inherited;
pub mod launcher;
mod parts;
mod programs;
mod raise;
mod rules;
#[cfg(target_os = "linux")]
mod syscalls;
mod ways;

#[cfg(target_os = "linux")]
pub use inherited::note_inherited;
pub use parts::{Part, Raised, WallError};
pub use raise::{raise, raised};
pub use rules::Rules;

pub use crate::process::Program;

//! Child processes: started by this process, or by the wall's launcher if this process may start none.

mod child;
mod ending;
#[cfg(unix)]
mod outside;
mod program;
mod stdio;
mod waiting;

#[cfg(feature = "cluster")]
pub(crate) use child::Reader;
pub(crate) use child::{Child, Writer};
pub(crate) use ending::{HowItEnded, was_ended_from_outside};
#[cfg(unix)]
pub(crate) use outside::{Ended, Line, Starter, start_by};
pub use program::Program;
pub(crate) use program::can_run;
pub(crate) use stdio::Stdio;
pub(crate) use waiting::WaitedFor;

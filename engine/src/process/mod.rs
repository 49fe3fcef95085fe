//! Child processes: started here, or by the launcher where the wall is raised.

mod child;
mod waiting;

pub(crate) use child::{Child, Reader, Stdio, Writer};
pub(crate) use waiting::WaitedFor;

//! Elements that other tasks and threads of the program send.

pub(super) mod source;

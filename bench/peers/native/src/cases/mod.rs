//! What the program can do, a file for each case.

pub(crate) mod gen_json;
pub(crate) mod inc;
pub(crate) mod json;
pub(crate) mod loop_inc;

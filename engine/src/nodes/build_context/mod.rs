//! What the nodes of a pipeline share while the graph is built: the pool, plugins, policies, files.

mod context;
mod files;
mod functions;
mod streams;
#[cfg(test)]
mod tests;

pub(crate) use context::{BuildContext, FindComponent, OnListen};

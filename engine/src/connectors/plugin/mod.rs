//! Sink functions of plugins, as sinks.

mod options;
pub(super) mod sink;

use crate::nodes::{NodeType, sink_type};
use options::PluginSink;

/// In pipeline files.
pub(super) const NODES: &[NodeType] = &[sink_type::<PluginSink>("plugin")];

//! Sink functions of plugins.

mod options;
pub(super) mod sink;

use crate::nodes::{NodeType, sink_type};
use options::PluginSink;

/// In pipeline files.
pub(super) const NODES: &[NodeType] = &[sink_type::<PluginSink>("plugin")];

//! Lines of any reader, such as stdin, and lines to an output, such as stdout.

mod options;
pub(super) mod sink;
pub(super) mod source;

use crate::nodes::{NodeType, sink_type, source_type};
use options::{Stdin, Stdout};

/// In pipeline files.
pub(super) const NODES: &[NodeType] = &[source_type::<Stdin>("stdin"), sink_type::<Stdout>("stdout")];

//! Lines of TCP connections.

use schemars::JsonSchema;
use serde::Deserialize;

use super::format::RecordFormat;
use crate::nodes::{
    Access, Address, BuildContext, Contents, Count, Feeding, Problem, Size, SourceNode, Time,
};
use crate::sources;

/// Lines of TCP connections to an address. A line that is too long, or that its connection breaks within, is a
/// fault.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Tcp {
    /// Where it listens, as "127.0.0.1:9000".
    address: Address,
    /// How each line is to be read: "text", "json" or "bytes".
    #[serde(default)]
    format: RecordFormat,
    /// Connections that are served at once; others wait. 256, if not said.
    connections: Option<Count>,
    /// The longest line; 1MiB, if not said.
    longest_line: Option<Size>,
    /// How long a connection may send nothing before it is closed; for ever, if not said.
    idle: Option<Time>,
}

impl SourceNode for Tcp {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        access.listens(&self.address);
    }

    fn open(self, context: &mut BuildContext) -> Result<(Feeding, Contents), Problem> {
        let mut tcp = sources::tcp(context.access.listened_at(self.address)?).on_fault(&context.guard.policy);
        if let Some(Count(connections)) = self.connections {
            tcp = tcp.connections(connections.get());
        }
        if let Some(Size(bytes)) = self.longest_line {
            tcp = tcp.longest_line(bytes);
        }
        if let Some(Time(time)) = self.idle {
            tcp = tcp.idle(time);
        }
        let listening = async move {
            let tcp = tcp.bind().await?;
            let address = tcp.local_addr();
            Ok((tcp, address))
        };
        let feeding = Feeding::listening(listening, context.listens());
        Ok((feeding, self.format.contents()))
    }
}

//! Lines of TCP connections.

use schemars::JsonSchema;
use serde::Deserialize;

use super::format::RecordFormat;
use crate::pipeline::access::Access;
use crate::pipeline::build_context::BuildContext;
use crate::pipeline::diagnostic::Problem;
use crate::pipeline::flow::Contents;
use crate::pipeline::kinds::Source;
use crate::pipeline::options::{Count, Size, Time};
use crate::pipeline::outside::Address;
use crate::pipeline::run::Feeding;
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

impl Source for Tcp {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        access.listens(&self.address);
    }

    fn open(self, context: &mut BuildContext) -> Result<(Feeding, Contents), Problem> {
        let mut tcp = sources::tcp(self.address.listened_at(context)?).on_fault(&context.guard.policy);
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

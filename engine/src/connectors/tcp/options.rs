//! Options of the node types `tcp`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{sink, source};
use crate::connectors::support::options::{RecordFormat, separator};
use crate::nodes::{
    Access, Address, BuildContext, Contents, Count, Feeding, Flow, Number, Problem, SinkNode, Size,
    SourceNode, Time,
};

/// Lines of TCP connections to an address. A line that is too long, or during which its connection breaks, is a
/// fault: it is left out, unless on_fault says otherwise.
#[derive(Deserialize, JsonSchema)]
pub(super) struct TcpSource {
    /// The address to listen at, as "127.0.0.1:9000".
    address: Address,
    /// How to read each line: "text", "json" or "bytes".
    #[serde(default)]
    format: RecordFormat,
    /// The most connections at the same time; others wait. 256 by default.
    connections: Option<Count>,
    /// The most bytes of a line; 1MiB by default.
    longest_line: Option<Size>,
    /// How long a connection may send nothing before it is closed; without limit by default.
    idle: Option<Time>,
    /// Records end with a NUL byte, instead of a newline.
    #[serde(default)]
    null: bool,
    /// Writes a line that begins with "error: " to a client whose line is too long. A client that does not read it may
    /// lose what it sends last.
    #[serde(default)]
    tell_errors: bool,
}

impl SourceNode for TcpSource {
    const REFUSES: bool = true;

    fn access(&self, access: &mut Access) {
        access.listens(&self.address);
    }

    fn open(self, context: &mut BuildContext) -> Result<(Feeding, Contents), Problem> {
        let mut tcp = source::tcp(context.access.listened_at(self.address)?).on_fault(&context.guard.policy);
        tcp = tcp.tell_errors(self.tell_errors).separated_by(separator(self.null));
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

/// Writes each record as a line to a TCP connection.
#[derive(Deserialize, JsonSchema)]
pub(super) struct TcpSink {
    /// The address to connect to, as "127.0.0.1:9000".
    address: Address,
    /// How often to connect again in a row before the run fails; 10 by default.
    retries: Option<Number>,
    /// How long the server may take to accept the connection, and later to read anything; 30s by default.
    timeout: Option<Time>,
    /// Writes a NUL byte after each record, instead of a newline.
    #[serde(default)]
    null: bool,
}

impl SinkNode for TcpSink {
    fn access(&self, access: &mut Access) {
        access.dials(&self.address);
    }

    fn attach(self, input: Flow, context: &mut BuildContext) -> Result<(), Problem> {
        let mut tcp = sink::tcp(context.access.dialed(self.address)?).separated_by(separator(self.null));
        if let Some(Number(retries)) = self.retries {
            tcp = tcp.retries(usize::try_from(retries).unwrap_or(usize::MAX));
        }
        if let Some(Time(timeout)) = self.timeout {
            tcp = tcp.timeout(timeout);
        }
        input.local()?.0.sink(tcp);
        Ok(())
    }
}

//! Lines to a TCP connection.

use schemars::JsonSchema;
use serde::Deserialize;

use super::separator;
use crate::nodes::{Access, Address, BuildContext, Flow, Number, Problem, SinkNode, Time};
use crate::sinks;

/// Lines to an address, by TCP.
#[derive(Deserialize, JsonSchema)]
pub(in crate::pipeline) struct Tcp {
    /// To what it connects, as "127.0.0.1:9000".
    address: Address,
    /// How often in a row it tries to connect again; 10, if not said.
    retries: Option<Number>,
    /// How long the other side may take to accept a connection, and later until it reads anything; 30s, if not said.
    timeout: Option<Time>,
    /// A NUL byte behind each record, not a newline.
    #[serde(default)]
    null: bool,
}

impl SinkNode for Tcp {
    fn access(&self, access: &mut Access) {
        access.dials(&self.address);
    }

    fn attach(self, input: Flow, context: &mut BuildContext) -> Result<(), Problem> {
        let mut tcp = sinks::tcp(context.access.dialed(self.address)?).separated_by(separator(self.null));
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
